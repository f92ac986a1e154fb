"""The compiled kernels: choice of the module that the engine supports, loading, and the one call into it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from loom_py.errors import UnavailableError
from loom_py.executors.wasm.opcodes import SIGNATURE
from loom_py.runtime import in_browser, takes_wasm
from loom_py.shapes import AnyArray

FOLDER = Path(__file__).parent
SPLAT = b"\x41\x00\xfd\x0f"  # i32.const 0, i8x16.splat
MODULES = {"relaxed": 3 * SPLAT + b"\xfd\x85\x02", "simd": SPLAT}
"""The modules beside this file, fastest first, with code that an engine accepts only if it accepts the module."""


def probe(code: bytes) -> bytes:
    """The smallest module with this code, which returns a vector; faster to validate than a module of kernels."""
    body = b"\x00" + code + b"\x0b"
    function = b"\x01" + bytes([len(body)]) + body
    types = b"\x01\x05\x01\x60\x00\x01\x7b"  # one type: () → v128
    return b"\0asm\x01\0\0\0" + types + b"\x03\x02\x01\x00" + b"\x0a" + bytes([len(function)]) + function


class Library:
    """Loaded kernels: a side module that shares Pyodide's memory, or (in tests) native code."""

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        module = ctypes.CDLL(path)
        if module.loom_signature() != SIGNATURE:
            raise UnavailableError(f"kernels {path}: expected those of this version, got others; do: build them again")
        self._run: Callable[..., None] = module.loom_run
        self._run.restype = None
        self._run.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_ssize_t, ctypes.c_void_p]

    def run(self, code: int, begin: int, end: int, times: int | None = None) -> None:
        """Run the words from `begin` to `end` of the code at an address; `times` is the address for milliseconds."""
        self._run(code, begin, end, times)


@cache
def load() -> Library:
    """The kernels of this package, for this engine.

    Raises:
        UnavailableError: the kernels can't be used here; the text says why.
    """
    if not in_browser():
        raise UnavailableError("the WebAssembly kernels run in Pyodide only, and this is plain CPython; do: use numpy")
    for name in MODULES:
        path = FOLDER / f"{name}.wasm"
        if not path.exists():
            raise UnavailableError(
                f"the kernels ({path.name}) are missing from the package; do: build it with npm run setup"
            )
        if takes_wasm(path.read_bytes()):
            return _loaded(path)
    raise UnavailableError("this engine has no WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4 and later have)")


def _loaded(path: Path) -> Library:
    try:
        library = Library(str(path), path.stem)
        _tried(library)
    except OSError as error:
        raise UnavailableError(f"the kernels could not be loaded: {error}") from error
    return library


def _tried(library: Library) -> None:
    """Make an empty call, so that an engine that refuses calls fails here and not in the middle of training."""
    nothing: AnyArray = np.zeros(1, np.intp)
    library.run(int(nothing.ctypes.data), 0, 0)
