"""Mean and largest value over axes, and one entry of an axis: pooling over time, over a picture, over channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from loom_py import ops
from loom_py.errors import ShapeError
from loom_py.layers.axes import check_axes, left, numbered
from loom_py.layers.entries import real_entries
from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.layer import Gradients, Layer, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape, shape_text, size_of

HIDDEN = -3e38
"""Value of padding where the largest is looked for: below what a network computes, finite in float32."""


class Over(Layer):
    """Base of layers over some axes, which they drop or leave at extent 1.

    Over axis 1 of (B, N, …) they leave out the entries that the run's mask hides; without any entry the output is 0.
    """

    unit_axis: ClassVar[int | None] = None

    @property
    def over(self) -> tuple[int, ...]:
        """The axes, as given."""
        raise NotImplementedError

    @property
    def keeps(self) -> bool:
        """Whether the axes stay, at extent 1."""
        return False

    def check_input(self, shape: Shape) -> None:
        numbered(self, self.over, shape)

    def uses_mask(self, shape: Shape) -> bool:
        return len(shape) > 1 and 1 in numbered(self, self.over, shape)

    def mixes(self, shape: Shape) -> bool:
        """Entries with one value each look like the values of one: no mask can be kept for them."""
        gone = numbered(self, self.over, shape)
        return 1 not in gone and len(gone) == len(shape) - 1 and not self.keeps

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        """Over the last axis nothing of a distribution remains; a sample of padding alone gives 0."""
        gone = numbered(self, self.over, at.input_shape)
        found = incoming.within() if len(at.input_shape) in gone else self.gives_kept(incoming)
        return replace(found, low=min(found.low, 0.0), high=max(found.high, 0.0)) if 1 in gone else found

    def gives_kept(self, incoming: Given) -> Given:
        """Kind and limits where the last axis stays."""
        return incoming

    def units_after(self, before: int, ndim: int) -> int:
        shape = (1,) * (ndim - 1)
        return before if self.keeps else left(before, numbered(self, self.over, shape), ndim)


class MeanCache(NamedTuple):
    """Values that backward needs."""

    shape: Shape  # of the input
    share: Any  # of each value in its mean: a number, or (B, N, 1, …) with a mask


@layer
class Mean(Over):
    """The mean over axes: over time [1], or over a picture [2, 3] ("global average pooling", Lin et al. 2013).

    Over axis 1 the mean is that of the entries which the run's mask shows, and 0 where it shows none.

    Shapes: with axes [1], (B, T, C) → (B, C), or (B, 1, C) with `keepdims`; with axes [2, 3], (B, C, H, W) → (B, C).
    """

    axes: int | Sequence[int] = 1
    """Axis, or axes, from 1, or from the end by -1, …; axis 0 is the batch."""
    _: KW_ONLY
    keepdims: bool = False
    """Whether the axes stay, at extent 1."""

    @property
    def over(self) -> tuple[int, ...]:
        return _tuple(self.axes)

    @property
    def keeps(self) -> bool:
        return self.keepdims

    def check(self) -> None:
        check_axes(self, "axes", self.over)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, MeanCache]:
        gone = numbered(self, self.over, tuple(x.shape[1:]))
        real = real_entries(x, run) if 1 in gone else None
        if real is None:
            share = 1 / size_of(x.shape[axis] for axis in gone)
            return ops.mean(x, axes=gone, keepdims=self.keepdims), MeanCache(x.shape, share)
        count = ops.sum(real, axes=(1,), keepdims=True)
        count = ops.add(count, _none_of(count))  # 1 instead of 0
        share = ops.multiply(ops.divide(real, count), 1 / size_of(x.shape[axis] for axis in gone if axis != 1))
        return ops.sum(ops.multiply(x, share), axes=gone, keepdims=self.keepdims), MeanCache(x.shape, share)

    def backward(self, p: Params, cache: MeanCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        return ops.multiply(_spread(self, dy, cache.shape), cache.share), {}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return graph.node("ReduceMean", x.name, axes=numbered(self, self.over, x.shape), keepdims=int(self.keepdims))


class MaxCache(NamedTuple):
    """Values that backward needs."""

    shape: Shape  # of the input
    index: Any  # (B, K, 1): place of the largest value; K kept values of a sample
    real: Any  # (B, N, 1, …): 1 for entries, 0 for padding; None without a mask


@layer
class Max(Over):
    """The largest value over axes: over time [1], or over a picture [2, 3]; the first of equal ones has the gradient.

    Over axis 1 it is the largest of the entries which the run's mask shows, and 0 where it shows none.

    Shapes: with axes [1], (B, T, C) → (B, C), or (B, 1, C) with `keepdims`; with axes [2, 3], (B, C, H, W) → (B, C).
    """

    axes: int | Sequence[int] = 1
    """Axis, or axes, from 1, or from the end by -1, …; axis 0 is the batch."""
    _: KW_ONLY
    keepdims: bool = False
    """Whether the axes stay, at extent 1."""

    @property
    def over(self) -> tuple[int, ...]:
        return _tuple(self.axes)

    @property
    def keeps(self) -> bool:
        return self.keepdims

    def check(self) -> None:
        check_axes(self, "axes", self.over)

    def gives_kept(self, incoming: Given) -> Given:
        return incoming.within()

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, MaxCache]:
        gone = numbered(self, self.over, tuple(x.shape[1:]))
        real = real_entries(x, run) if 1 in gone else None
        shown = x
        if real is not None:  # padding is lower than any value
            shown = ops.add(ops.multiply(x, real), ops.multiply(ops.subtract(1.0, real), HIDDEN))
        order = _kept_first(gone, len(x.shape))
        rows = ops.transpose(shown, axes=order)
        extent = size_of(x.shape[axis] for axis in gone)
        rows = ops.reshape(rows, shape=(x.shape[0], -1, extent))
        top, index = ops.max_pool(rows, size=(extent,), stride=(extent,), padding=(0,))
        y = ops.reshape(top, shape=_reduced(tuple(x.shape), gone, keepdims=self.keepdims))
        if real is not None:
            y = ops.multiply(y, self._any(real, y))
        return y, MaxCache(x.shape, index, real)

    def backward(self, p: Params, cache: MaxCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        gone = numbered(self, self.over, tuple(cache.shape[1:]))
        order = _kept_first(gone, len(cache.shape))
        if cache.real is not None:
            dy = ops.multiply(dy, self._any(cache.real, dy))
        extent = size_of(cache.shape[axis] for axis in gone)
        rows = ops.max_pool_gradient(
            ops.reshape(dy, shape=cache.index.shape), cache.index,
            shape=(extent,), size=(extent,), stride=(extent,), padding=(0,),
        )  # fmt: skip
        back = ops.reshape(rows, shape=tuple(cache.shape[axis] for axis in order))
        return ops.transpose(back, axes=tuple(order.index(axis) for axis in range(len(order)))), {}

    @staticmethod
    def _any(real: Any, like: Any) -> Any:
        """1 for samples with an entry, 0 for those of padding alone, to broadcast with `like`."""
        count = ops.sum(real, axes=tuple(range(1, len(real.shape))))
        return ops.reshape(ops.subtract(1.0, _none_of(count)), shape=(real.shape[0], *(1 for _ in like.shape[1:])))

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return graph.node("ReduceMax", x.name, axes=numbered(self, self.over, x.shape), keepdims=int(self.keepdims))


class TakeCache(NamedTuple):
    """Values that backward needs."""

    shape: Shape  # of the input
    chosen: Any  # (B, N, 1, …): 1 for the entry taken; None without a mask


@layer
class Take(Over):
    """The values at one place of an axis: x[:, index] for axis 1, the last time step for index -1.

    Over axis 1, index 0 is the first and -1 the last entry that the run's mask shows (0 where it shows none); with any
    other index a mask is refused.

    Shapes: with axis 1, (B, T, C) → (B, C).
    """

    index: int
    """Place on the axis, from 0, or from the end by -1, -2, …"""
    axis: int = 1
    """Axis, from 1, or from the end by -1, …; axis 0 is the batch."""

    @property
    def over(self) -> tuple[int, ...]:
        return (self.axis,)

    def check(self) -> None:
        check_axes(self, "axis", self.over)

    def check_input(self, shape: Shape) -> None:
        (axis,) = numbered(self, self.over, shape)
        extent = shape[axis - 1]
        if not -extent <= self.index < extent:
            raise ShapeError.expected(
                "Take input", expected=f"an axis {self.axis} with a place {self.index}", got=shape_text(shape)
            )

    def uses_mask(self, shape: Shape) -> bool:
        return self.index in (0, -1) and super().uses_mask(shape)

    def mixes(self, shape: Shape) -> bool:
        return super().mixes(shape) or 1 in numbered(self, self.over, shape)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, TakeCache]:
        (axis,) = numbered(self, self.over, tuple(x.shape[1:]))
        real = real_entries(x, run) if axis == 1 else None
        if real is not None:
            chosen = self._chosen(real)
            return ops.sum(ops.multiply(x, chosen), axes=(1,)), TakeCache(x.shape, chosen)
        at = self.index % x.shape[axis]
        y = ops.slice_axis(x, axis=axis, start=at, stop=at + 1)
        return ops.reshape(y, shape=_reduced(tuple(x.shape), (axis,))), TakeCache(x.shape, None)

    def backward(self, p: Params, cache: TakeCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        (axis,) = numbered(self, self.over, tuple(cache.shape[1:]))
        one = ops.reshape(dy, shape=_reduced(cache.shape, (axis,), keepdims=True))
        if cache.chosen is not None:
            return ops.multiply(one, cache.chosen), {}
        extent = cache.shape[axis]
        at = self.index % extent
        return ops.pad(one, axis=axis, before=at, after=extent - 1 - at), {}

    def _chosen(self, real: Any) -> Any:
        """1 for the first or last entry: that of the largest of the numbers from 1 that padding does not have."""
        b, n = real.shape[:2]
        numbers = np.arange(1, n + 1, dtype=real.dtype) if self.index == -1 else np.arange(n, 0, -1, dtype=real.dtype)
        rank = ops.multiply(ops.reshape(real, shape=(b, 1, n)), numbers)
        top, _ = ops.max_pool(rank, size=(n,), stride=(n,), padding=(0,))  # (B, 1, 1)
        nearness = ops.subtract(1.0, ops.abs(ops.subtract(rank, top)))
        return ops.multiply(ops.reshape(ops.activate(nearness, function="relu"), shape=real.shape), real)

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        (axis,) = numbered(self, self.over, x.shape)
        return graph.node("Gather", x.name, graph.constant(self.index), axis=axis)


def _tuple(axes: int | Sequence[int]) -> tuple[int, ...]:
    return (axes,) if isinstance(axes, int) else tuple(axes)


def _none_of(count: Any) -> Any:
    """1 where a count is 0, else 0."""
    return ops.activate(ops.subtract(1.0, count), function="relu")


def _reduced(shape: Shape, gone: Sequence[int], *, keepdims: bool = False) -> Shape:
    return tuple(1 if axis in gone else n for axis, n in enumerate(shape) if keepdims or axis not in gone)


def _spread(layer: Over, dy: Any, shape: Shape) -> Any:
    """Values of an output at every place of the axes that it was taken over."""
    gone = numbered(layer, layer.over, tuple(shape[1:]))
    return ops.broadcast_to(ops.reshape(dy, shape=_reduced(shape, gone, keepdims=True)), shape=shape)


def _kept_first(gone: Sequence[int], ndim: int) -> tuple[int, ...]:
    return (*(axis for axis in range(ndim) if axis not in gone), *gone)
