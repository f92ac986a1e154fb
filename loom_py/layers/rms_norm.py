"""Root mean square normalisation."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.config.fields import Positive, Size
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape


class RMSNormCache(NamedTuple):
    """Values that backward needs."""

    normal: Any  # (B, …, C)
    rstd: Any  # (B, …, 1)


@layer
class RMSNorm(Layer):
    """y = w · x / √(mean(x²) + ε) over the last axis (Zhang & Sennrich 2019).

    Shapes: input and output (B, …, C), weight (C).
    """

    normalises: ClassVar[bool] = True

    dim: Size
    """Extent of the last axis (C)."""
    _: KW_ONLY
    eps: Positive = 1e-5
    """Added to the mean square, against division by 0 (ε)."""

    def check_input(self, shape: Shape) -> None:
        self.expect_last(shape, self.dim, "dim")

    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter("weight", (self.dim,), "ones"),)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, RMSNormCache]:
        normal, rstd = ops.normalise(x, axes=(-1,), eps=self.eps, centre=False)
        return ops.multiply(normal, p.weight), RMSNormCache(normal, rstd)

    def backward(self, p: Params, cache: RMSNormCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        lead = tuple(range(len(dy.shape) - 1))
        gradients = {"weight": ops.sum(ops.multiply(dy, cache.normal), axes=lead)}
        weighted = ops.multiply(dy, p.weight)
        return ops.normalise_gradient(weighted, cache.normal, cache.rstd, axes=(-1,), centre=False), gradients

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        """By simpler nodes: RMSNormalization came with opset 23."""
        squares = graph.node("ReduceMean", graph.node("Mul", x.name, x.name), axes=[-1], keepdims=1)
        root = graph.node("Sqrt", graph.node("Add", squares, graph.constant(self.eps)))
        return graph.node("Mul", graph.node("Div", x.name, root), graph.parameter("weight"))
