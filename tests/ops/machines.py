"""The executors that the suites run on beside NumPy, as far as this host has them."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

from loom_py.executors.wasm import WasmExecutor
from loom_py.executors.wasm.library import Library

ROOT = Path(__file__).resolve().parents[2]


@cache
def native_library() -> str:
    """Path of the kernels compiled for this machine."""
    build = [sys.executable, str(ROOT / "build" / "kernels.py"), "native"]
    return subprocess.run(build, check=True, capture_output=True, text=True).stdout.strip()


@cache
def wasm() -> tuple[str, WasmExecutor]:
    """The WASM executor: its modules inside Pyodide, on CPython the same C sources compiled for this machine."""
    if sys.platform == "emscripten":
        executor = WasmExecutor()
        return f"wasm ({executor.library.name})", executor
    return "wasm (native)", WasmExecutor(Library(native_library(), "native"))
