"""Convolutions over one and two spatial axes."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.config.fields import Count, CountPair, Size, SizePair
from loom_py.errors import ShapeError
from loom_py.initializers import InitializerName, choose
from loom_py.layers.activations import activate, activate_backward
from loom_py.layers.geometry import Geometry, PerAxis
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, activation_node
from loom_py.layers.run import Params, Run
from loom_py.ops import ActivationName
from loom_py.shapes import Shape, shape_text, size_of


class ConvCache(NamedTuple):
    """Values that backward needs; it unfolds the windows again, since they take K times the input's memory."""

    x: Any  # (B, C, …)
    saved: Any  # (B, O, …): what the activation's gradient needs


class Convolution(Layer):
    """Base of convolutions: windows as columns (C·K, B·P), so that each pass is one matrix product."""

    unit_axis: ClassVar[int] = 1
    mixes_entries: ClassVar[bool] = True
    axes: ClassVar[int]

    in_channels: int
    out_channels: int
    kernel_size: PerAxis
    stride: PerAxis
    padding: PerAxis
    dilation: PerAxis
    activation: ActivationName
    bias: bool
    init: InitializerName

    @property
    def geometry(self) -> Geometry:
        """Geometry of the windows."""
        return Geometry.of(self.axes, self.kernel_size, self.stride, self.padding, self.dilation)

    def check_input(self, shape: Shape) -> None:
        self.geometry.check(self, shape)
        if shape[0] != self.in_channels:
            raise ShapeError.expected(
                f"{type(self).__name__} input",
                expected=f"{self.in_channels} channels first (in_channels)",
                got=shape_text(shape),
                do=f"give in_channels={shape[0]}, or change the layer before",
            )

    def parameters(self) -> tuple[Parameter, ...]:
        size = self.geometry.size
        fans = self.in_channels * size_of(size), self.out_channels * size_of(size)
        shape = (self.out_channels, self.in_channels, *size)
        weight = Parameter("weight", shape, choose(self.init, self.activation), *fans)
        return (weight, Parameter("bias", (self.out_channels,))) if self.bias else (weight,)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, ConvCache]:
        o, n, counts = self.out_channels, x.shape[0], self.geometry.counts(x.shape[2:])
        z = ops.matmul(ops.reshape(p.weight, shape=(o, -1)), self._columns(x))  # (O, B·P)
        z = ops.transpose(ops.reshape(z, shape=(o, n, -1)), axes=(1, 0, 2))  # (B, O, P)
        if self.bias:
            z = ops.add(z, ops.reshape(p.bias, shape=(o, 1)))
        y, saved = activate(ops.reshape(z, shape=(n, o, *counts)), self.activation)
        return y, ConvCache(x, saved)

    def backward(self, p: Params, cache: ConvCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        g, o, x = self.geometry, self.out_channels, cache.x
        n, c, *extents = x.shape
        dz = ops.reshape(activate_backward(dy, cache.saved, self.activation), shape=(n, o, -1))
        rows = ops.reshape(ops.transpose(dz, axes=(1, 0, 2)), shape=(o, -1))  # (O, B·P)
        dw = ops.matmul(rows, self._columns(x), transpose_b=True)  # (O, C·K)
        gradients = {"weight": ops.reshape(dw, shape=p.weight.shape)}
        if self.bias:
            gradients["bias"] = ops.sum(rows, axes=1)
        columns = ops.matmul(ops.reshape(p.weight, shape=(o, -1)), rows, transpose_a=True)  # (C·K, B·P)
        columns = ops.reshape(columns, shape=(c, *g.size, n, *dy.shape[2:]))
        return ops.fold(columns, shape=tuple(extents), **g.steps), gradients

    def _columns(self, x: Any) -> Any:
        """(C·K, B·P)."""
        g = self.geometry
        found = ops.unfold(x, size=g.size, **g.steps)
        return ops.reshape(found, shape=(x.shape[1] * size_of(g.size), -1))

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        g = self.geometry
        arrays = [graph.parameter(p.name) for p in self.parameters()]
        y = graph.node("Conv", x.name, *arrays, strides=g.stride, pads=g.padding * 2, dilations=g.dilation)
        return activation_node(graph, y, self.activation)


@layer
class Conv1D(Convolution):
    """Convolution over one axis: y[n,o,t] = f(Σ x[n,c,t·stride + k·dilation - padding] · w[o,c,k] + b[o]).

    Shapes: input (B, C, T), output (B, O, T'), weight (O, C, K), bias (O), with
    T' = ⌊(T + 2·padding - dilation·(K - 1) - 1) / stride⌋ + 1. It is cross-correlation, as in every framework.

    Source: LeCun et al. 1989; dilation: Yu & Koltun 2016.
    """

    axes: ClassVar[int] = 1

    in_channels: Size
    """Channels of the input (C)."""
    out_channels: Size
    """Filters: channels of the output (O)."""
    kernel_size: Size
    """Extent of the window of each output."""
    _: KW_ONLY
    stride: Size = 1
    """Steps between windows."""
    padding: Count = 0
    """Zeros added at either end of each axis."""
    dilation: Size = 1
    """Distance between neighbouring values of a window."""
    activation: ActivationName = "linear"
    """Activation of each output; see the layer Activation."""
    bias: bool = True
    """Whether each output channel has a bias."""
    init: InitializerName = "auto"
    """Initialiser of the weights; "auto" suits the activation."""


@layer
class Conv2D(Convolution):
    """Convolution over height and width: y[n,o,h,w] =
    f(Σ x[n,c,h·stride + i·dilation - padding,…] · w[o,c,i,j] + b[o]).

    Shapes: input (B, C, H, W), output (B, O, H', W'), weight (O, C, kh, kw), bias (O), with
    H' = ⌊(H + 2·padding - dilation·(kh - 1) - 1) / stride⌋ + 1 and W' likewise. Kernel size, stride, padding and
    dilation are a number for both axes or a pair (height, width).

    Source: LeCun et al. 1989; dilation: Yu & Koltun 2016.
    """

    axes: ClassVar[int] = 2

    in_channels: Size
    """Channels of the input (C)."""
    out_channels: Size
    """Filters: channels of the output (O)."""
    kernel_size: Size | SizePair
    """Extent of the window of each output."""
    _: KW_ONLY
    stride: Size | SizePair = 1
    """Steps between windows."""
    padding: Count | CountPair = 0
    """Zeros added at either end of each axis."""
    dilation: Size | SizePair = 1
    """Distance between neighbouring values of a window."""
    activation: ActivationName = "linear"
    """Activation of each output; see the layer Activation."""
    bias: bool = True
    """Whether each output channel has a bias."""
    init: InitializerName = "auto"
    """Initialiser of the weights; "auto" suits the activation."""
