"""Sliding windows over one or two axes."""

from __future__ import annotations

import numpy as np

from loom_py.executors.wasm.pack.call import Call, operation, packs
from loom_py.shapes import Shape


def _two(numbers: Shape, missing: int) -> Shape:
    """Numbers of two axes; a single axis is the second."""
    return (missing, *numbers) if len(numbers) == 1 else tuple(numbers)


def _words(call: Call, images: Shape, size: Shape, counts: Shape) -> list[int] | None:
    """What the kernels read of the geometry; None for more than two spatial axes."""
    n, c, *extents = images
    if len(extents) > 2:
        return None
    get = call.attrs.get
    ones = (1,) * len(extents)
    return [
        n, c, *_two(tuple(extents), 1), *_two(size, 1), *_two(counts, 1), *_two(get("stride"), 1),  # type: ignore[arg-type]
        *_two(get("padding"), 0), *_two(get("dilation", ones), 1),  # type: ignore[arg-type]
    ]  # fmt: skip


@packs("unfold", knows=("size", "stride", "padding", "dilation"))
def unfold(call: Call) -> list[int] | None:
    (out,), x = call.outputs, call.input(0)
    axes = len(x.shape) - 2
    words = _words(call, x.shape, out.shape[1 : 1 + axes], out.shape[2 + axes :])
    return words and operation("unfold", out.address, x.address, *words)


@packs("fold", knows=("shape", "stride", "padding", "dilation"))
def fold(call: Call) -> list[int] | None:
    (out,), columns = call.outputs, call.input(0)
    axes = len(out.shape) - 2
    words = _words(call, out.shape, columns.shape[1 : 1 + axes], columns.shape[2 + axes :])
    return words and operation("fold", out.address, columns.address, *words)


@packs("max_pool", knows=("size", "stride", "padding"), floats=False)
def max_pool(call: Call) -> list[int] | None:
    (y, index), x = call.outputs, call.input(0)
    words = _words(call, x.shape, call.attrs["size"], y.shape[2:])
    if words is None or not x.is_float or index.dtype != np.int32:
        return None
    return operation("max_pool", y.address, index.address, x.address, *words)


@packs("max_pool_gradient", knows=("shape", "size", "stride", "padding"), floats=False)
def max_pool_gradient(call: Call) -> list[int] | None:
    (dx,), dy, index = call.outputs, call.input(0), call.input(1)
    words = _words(call, dx.shape, call.attrs["size"], dy.shape[2:])
    if words is None or not dy.is_float or index.dtype != np.int32:
        return None
    return operation("max_pool_gradient", dx.address, dy.address, index.address, *words)
