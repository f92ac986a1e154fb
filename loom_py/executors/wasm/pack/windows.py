"""Packing of sliding windows over one or two axes."""

from __future__ import annotations

import numpy as np

from loom_py.executors.wasm.pack.call import Call, operation, packs
from loom_py.executors.window_geometry import window_words


@packs("unfold", knows=("size", "stride", "padding", "dilation"))
def unfold(call: Call) -> list[int] | None:
    (out,), x = call.outputs, call.input(0)
    axes = len(x.shape) - 2
    words = window_words(call.attrs, x.shape, out.shape[1 : 1 + axes], out.shape[2 + axes :])
    return words and operation("unfold", out.address, x.address, *words)


@packs("fold", knows=("shape", "stride", "padding", "dilation"))
def fold(call: Call) -> list[int] | None:
    (out,), columns = call.outputs, call.input(0)
    axes = len(out.shape) - 2
    words = window_words(call.attrs, out.shape, columns.shape[1 : 1 + axes], columns.shape[2 + axes :])
    return words and operation("fold", out.address, columns.address, *words)


@packs("max_pool", knows=("size", "stride", "padding"), floats=False)
def max_pool(call: Call) -> list[int] | None:
    (y, index), x = call.outputs, call.input(0)
    words = window_words(call.attrs, x.shape, call.attrs["size"], y.shape[2:])
    if words is None or not x.is_float or index.dtype != np.int32:
        return None
    return operation("max_pool", y.address, index.address, x.address, *words)


@packs("max_pool_gradient", knows=("shape", "size", "stride", "padding"), floats=False)
def max_pool_gradient(call: Call) -> list[int] | None:
    (dx,), dy, index = call.outputs, call.input(0), call.input(1)
    words = window_words(call.attrs, dx.shape, call.attrs["size"], dy.shape[2:])
    if words is None or not dy.is_float or index.dtype != np.int32:
        return None
    return operation("max_pool_gradient", dx.address, dy.address, index.address, *words)
