"""The host that the package runs on; the only package that imports `js` or `pyodide`.

All other code uses it to detect Pyodide, post plain messages and send HTTP requests. In plain CPython it can be
imported too; functions that need JavaScript raise `UnavailableError`.
"""

from loom_py.runtime.convert import from_js, to_js
from loom_py.runtime.engine import takes_wasm
from loom_py.runtime.heap import wasm_heap_bytes
from loom_py.runtime.host import can_run_sync, clock_ns, in_browser
from loom_py.runtime.http import Response, fetch
from loom_py.runtime.page import hidden, on_hide, receiver, sender
from loom_py.runtime.tasks import awaited, spawn

__all__ = [
    "Response",
    "awaited",
    "can_run_sync",
    "clock_ns",
    "fetch",
    "from_js",
    "hidden",
    "in_browser",
    "on_hide",
    "receiver",
    "sender",
    "spawn",
    "takes_wasm",
    "to_js",
    "wasm_heap_bytes",
]
