"""Choice of the executor for a device name."""

from __future__ import annotations

from functools import cache

from loom_py.errors import UnavailableError
from loom_py.executors.base import Executor
from loom_py.executors.numpy import NumpyExecutor
from loom_py.executors.wasm import WasmExecutor, wasm_unavailable_reason


def executor_for(device: str) -> Executor:
    """The executor of a device: "numpy", "wasm", "webgpu", or "auto" for the fastest that needs no GPU.

    Raises:
        UnavailableError: the device is not available; the text says why.
    """
    if device == "auto":
        return _numpy() if wasm_unavailable_reason() else _wasm()
    if device == "numpy":
        return _numpy()
    if device == "webgpu":
        from loom_py.executors.webgpu.find import find_executor  # imported late: modules slow down a page's start

        return find_executor()
    if device == "wasm":
        reason = wasm_unavailable_reason()
        if reason is not None:
            raise UnavailableError(f"device wasm: {reason}")
        return _wasm()
    raise UnavailableError(f"device: expected auto, numpy, wasm or webgpu, got {device}")


@cache
def _numpy() -> NumpyExecutor:
    return NumpyExecutor()


@cache
def _wasm() -> WasmExecutor:
    return WasmExecutor()
