"""Pooling over one and two spatial axes: the largest value or the mean of each window."""

from __future__ import annotations

from dataclasses import KW_ONLY, replace
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.config.fields import Count, CountPair, Size, SizePair
from loom_py.errors import ConfigError
from loom_py.layers.geometry import Geometry, PerAxis
from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.layer import Gradients, Layer, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape, size_of


class Pool(Layer):
    """Base of pools."""

    unit_axis: ClassVar[int] = 1
    mixes_entries: ClassVar[bool] = True
    axes: ClassVar[int]

    size: PerAxis
    stride: PerAxis | None
    padding: PerAxis

    @property
    def geometry(self) -> Geometry:
        """Geometry of the windows."""
        return Geometry.of(self.axes, self.size, self.size if self.stride is None else self.stride, self.padding)

    def check(self) -> None:
        g = self.geometry
        if any(2 * p > k for p, k in zip(g.padding, g.size, strict=True)):
            raise ConfigError.expected(
                f"{type(self).__name__}.padding", expected=f"at most half the size {self.size}", got=self.padding
            )

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        """Padding is 0 in a mean and takes no part in a largest value."""
        found = incoming.within()
        return (
            replace(found, low=min(found.low, 0.0), high=max(found.high, 0.0)) if any(self.geometry.padding) else found
        )

    def check_input(self, shape: Shape) -> None:
        self.geometry.check(self, shape)


class MaxPoolCache(NamedTuple):
    """Values that backward needs."""

    index: Any  # (B, C, P…): place of the largest value in its window
    extents: Shape  # of the input


class MaxPool(Pool):
    """The largest value of each window."""

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, MaxPoolCache]:
        g = self.geometry
        y, index = ops.max_pool(x, size=g.size, stride=g.stride, padding=g.padding)
        return y, MaxPoolCache(index, tuple(x.shape[2:]))

    def backward(self, p: Params, cache: MaxPoolCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        g, shape = self.geometry, cache.extents
        dx = ops.max_pool_gradient(dy, cache.index, shape=shape, size=g.size, stride=g.stride, padding=g.padding)
        return dx, {}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        g = self.geometry
        return graph.node("MaxPool", x.name, kernel_shape=g.size, strides=g.stride, pads=g.padding * 2)


class AvgPoolCache(NamedTuple):
    """Values that backward needs."""

    shape: Shape  # of the input


class AvgPool(Pool):
    """The mean of each window; padding counts as zeros. Channels are treated as samples of one channel."""

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, AvgPoolCache]:
        g = self.geometry
        n, c, *extents = x.shape
        columns = ops.unfold(ops.reshape(x, shape=(n * c, 1, *extents)), size=g.size, **g.steps)  # (1, K…, B·C, P…)
        y = ops.mean(columns, axes=tuple(range(1 + self.axes)))
        return ops.reshape(y, shape=(n, c, *y.shape[1:])), AvgPoolCache(x.shape)

    def backward(self, p: Params, cache: AvgPoolCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        g = self.geometry
        n, c, *counts = dy.shape
        share = ops.multiply(dy, 1 / size_of(g.size))
        each = ops.reshape(share, shape=((1,) * (1 + self.axes) + (n * c, *counts)))
        columns = ops.broadcast_to(each, shape=(1, *g.size, n * c, *counts))
        dx = ops.fold(columns, shape=tuple(cache.shape[2:]), **g.steps)
        return ops.reshape(dx, shape=cache.shape), {}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        windows: dict[str, Any] = {"kernel_shape": self.geometry.size, "strides": self.geometry.stride}
        return graph.node("AveragePool", x.name, pads=self.geometry.padding * 2, count_include_pad=1, **windows)


@layer
class MaxPool1D(MaxPool):
    """The largest value of each window along one axis; of equal ones the first receives the gradient.

    Shapes: input (B, C, T), output (B, C, T') with T' = ⌊(T + 2·padding - size) / stride⌋ + 1.
    `stride` None: the size. Padding is never the largest.
    """

    axes: ClassVar[int] = 1

    size: Size
    """Extent of a window."""
    _: KW_ONLY
    stride: Size | None = None
    """Steps between windows; None: the size."""
    padding: Count = 0
    """Padding at either end; never the largest."""


@layer
class MaxPool2D(MaxPool):
    """The largest value of each window of height and width; of equal ones the first receives the gradient.

    Shapes: input (B, C, H, W), output (B, C, H', W') with H' = ⌊(H + 2·padding - size) / stride⌋ + 1, W' likewise.
    Size, stride and padding are a number or a pair (height, width). `stride` None: the size. Padding is never the
    largest.
    """

    axes: ClassVar[int] = 2

    size: Size | SizePair
    """Extent of a window."""
    _: KW_ONLY
    stride: Size | SizePair | None = None
    """Steps between windows; None: the size."""
    padding: Count | CountPair = 0
    """Padding at either end of each axis; never the largest."""


@layer
class AvgPool1D(AvgPool):
    """The mean of each window along one axis; padding counts as zeros.

    Shapes: input (B, C, T), output (B, C, T') with T' = ⌊(T + 2·padding - size) / stride⌋ + 1.
    `stride` None: the size.
    """

    axes: ClassVar[int] = 1

    size: Size
    """Extent of a window."""
    _: KW_ONLY
    stride: Size | None = None
    """Steps between windows; None: the size."""
    padding: Count = 0
    """Zeros added at either end."""


@layer
class AvgPool2D(AvgPool):
    """The mean of each window of height and width; padding counts as zeros.

    Shapes: input (B, C, H, W), output (B, C, H', W') with H' = ⌊(H + 2·padding - size) / stride⌋ + 1, W' likewise.
    Size, stride and padding are a number or a pair (height, width). `stride` None: the size.
    """

    axes: ClassVar[int] = 2

    size: Size | SizePair
    """Extent of a window."""
    _: KW_ONLY
    stride: Size | SizePair | None = None
    """Steps between windows; None: the size."""
    padding: Count | CountPair = 0
    """Zeros added at either end of each axis."""
