"""The size of the WebAssembly heap."""

from __future__ import annotations

from loom_py.runtime.host import in_browser


def wasm_heap_bytes() -> int:
    """Bytes of the heap that holds Python and its arrays; 0 outside WebAssembly."""
    if not in_browser():
        return 0
    import pyodide_js

    return int(pyodide_js._module.HEAPU8.length)
