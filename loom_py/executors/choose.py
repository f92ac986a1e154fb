"""Which executor a device name means, here and now."""

from __future__ import annotations

from functools import cache

from loom_py.errors import UnavailableError
from loom_py.executors.base import Executor
from loom_py.executors.numpy import NumpyExecutor
from loom_py.executors.wasm import WasmExecutor, wasm_unavailable_reason


@cache
def executor_for(device: str) -> Executor:
    """The executor of a device: "numpy", "wasm", or "auto" for the fastest there is.

    Raises:
        UnavailableError: it can't be had here; the text says why.
    """
    if device == "auto":
        return NumpyExecutor() if wasm_unavailable_reason() else executor_for("wasm")
    if device == "numpy":
        return NumpyExecutor()
    if device == "wasm":
        reason = wasm_unavailable_reason()
        if reason is not None:
            raise UnavailableError(f"device wasm: {reason}")
        return WasmExecutor()
    raise UnavailableError(f"device {device}: this version has no such executor")
