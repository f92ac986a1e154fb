"""Lowering of sliding windows over one or two axes; every kernel gathers, so that no two lanes add to one number."""

from __future__ import annotations

import numpy as np

from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.executors.window_geometry import window_words
from loom_py.shapes import size_of

SHORT = 256
"""Columns below which workgroups span several rows."""


@lowers("unfold", knows=("size", "stride", "padding", "dilation"))
def unfold(call: Call) -> list[Dispatch] | None:
    (out,), x = call.outputs, call.input(0)
    axes = len(x.shape) - 2
    words = window_words(call.attrs, x.shape, out.shape[1 : 1 + axes], out.shape[2 + axes :])
    if words is None:
        return None
    columns = size_of(out.shape[1 + axes :])
    flat = columns < SHORT
    groups = spread(out.size) if flat else spread(out.size // columns * -(-columns // 256), 1)
    return [dispatch("unfold", out.word, x.word, *words, groups=groups, constants={"flat": int(flat)})]


@lowers("fold", knows=("shape", "stride", "padding", "dilation"))
def fold(call: Call) -> list[Dispatch] | None:
    (out,), columns = call.outputs, call.input(0)
    axes = len(out.shape) - 2
    words = window_words(call.attrs, out.shape, columns.shape[1 : 1 + axes], columns.shape[2 + axes :])
    return None if words is None else [dispatch("fold", out.word, columns.word, *words, groups=spread(out.size))]


@lowers("max_pool", knows=("size", "stride", "padding"), floats=False)
def max_pool(call: Call) -> list[Dispatch] | None:
    (y, index), x = call.outputs, call.input(0)
    words = window_words(call.attrs, x.shape, call.attrs["size"], y.shape[2:], dilated=False)
    if words is None or not x.is_float or index.dtype != np.int32:
        return None
    return [dispatch("max_pool", y.word, index.word, x.word, *words, groups=spread(y.size))]


@lowers("max_pool_gradient", knows=("shape", "size", "stride", "padding"), floats=False)
def max_pool_gradient(call: Call) -> list[Dispatch] | None:
    (dx,), dy, index = call.outputs, call.input(0), call.input(1)
    words = window_words(call.attrs, dx.shape, call.attrs["size"], dy.shape[2:], dilated=False)
    if words is None or not dy.is_float or index.dtype != np.int32:
        return None
    return [dispatch("max_pool_gradient", dx.word, dy.word, index.word, *words, groups=spread(dx.size))]
