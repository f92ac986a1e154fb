"""The WebAssembly engine that runs Python."""

from __future__ import annotations

from loom_py.runtime.host import in_browser

if in_browser():
    import js
    from pyodide import ffi


def takes_wasm(module: bytes) -> bool:
    """Whether the engine supports every instruction of a WebAssembly module; False outside WebAssembly."""
    return in_browser() and bool(js.WebAssembly.validate(ffi.to_js(module)))
