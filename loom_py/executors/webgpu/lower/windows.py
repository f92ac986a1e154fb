"""Sliding windows over one or two axes; every kernel is a gather, so that nothing is added twice at once."""

from __future__ import annotations

import numpy as np

from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.shapes import Shape, size_of

SHORT = 256
"""Columns below which workgroups hold parts of several rows."""


def _two(numbers: Shape, missing: int) -> Shape:
    """Numbers of two axes; a single axis is the second."""
    return (missing, *numbers) if len(numbers) == 1 else tuple(numbers)


def _words(call: Call, images: Shape, size: Shape, counts: Shape) -> list[int] | None:
    """What the kernels read of the geometry; None for more than two spatial axes."""
    n, c, *extents = images
    if len(extents) > 2:
        return None
    attrs = call.attrs
    return [
        n, c, *_two(tuple(extents), 1), *_two(size, 1), *_two(counts, 1), *_two(attrs["stride"], 1),
        *_two(attrs["padding"], 0), *(_two(attrs["dilation"], 1) if "dilation" in attrs else ()),
    ]  # fmt: skip


@lowers("unfold", knows=("size", "stride", "padding", "dilation"))
def unfold(call: Call) -> list[Dispatch] | None:
    (out,), x = call.outputs, call.input(0)
    axes = len(x.shape) - 2
    words = _words(call, x.shape, out.shape[1 : 1 + axes], out.shape[2 + axes :])
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
    words = _words(call, out.shape, columns.shape[1 : 1 + axes], columns.shape[2 + axes :])
    return None if words is None else [dispatch("fold", out.word, columns.word, *words, groups=spread(out.size))]


@lowers("max_pool", knows=("size", "stride", "padding"), floats=False)
def max_pool(call: Call) -> list[Dispatch] | None:
    (y, index), x = call.outputs, call.input(0)
    words = _words(call, x.shape, call.attrs["size"], y.shape[2:])
    if words is None or not x.is_float or index.dtype != np.int32:
        return None
    return [dispatch("max_pool", y.word, index.word, x.word, *words, groups=spread(y.size))]


@lowers("max_pool_gradient", knows=("shape", "size", "stride", "padding"), floats=False)
def max_pool_gradient(call: Call) -> list[Dispatch] | None:
    (dx,), dy, index = call.outputs, call.input(0), call.input(1)
    words = _words(call, dx.shape, call.attrs["size"], dy.shape[2:])
    if words is None or not dy.is_float or index.dtype != np.int32:
        return None
    return [dispatch("max_pool_gradient", dx.word, dy.word, index.word, *words, groups=spread(dx.size))]
