"""Layer normalisation."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.config.fields import Positive, Size
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape


class LayerNormCache(NamedTuple):
    """Values that backward needs."""

    normal: Any  # (B, …, C)
    rstd: Any  # (B, …, 1)


@layer
class LayerNorm(Layer):
    """y = w · (x - mean) / √(var + ε) + b over the last axis (Ba, Kiros & Hinton 2016).

    Shapes: input and output (B, …, C), weight (C), bias (C).
    """

    normalises: ClassVar[bool] = True

    dim: Size
    """Extent of the last axis (C)."""
    _: KW_ONLY
    eps: Positive = 1e-5
    """Added to the variance, against division by 0 (ε)."""

    def check_input(self, shape: Shape) -> None:
        self.expect_last(shape, self.dim, "dim")

    def parameters(self) -> tuple[Parameter, ...]:
        return Parameter("weight", (self.dim,), "ones"), Parameter("bias", (self.dim,))

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, LayerNormCache]:
        normal, rstd = ops.normalise(x, axes=(-1,), eps=self.eps)
        return ops.add(ops.multiply(normal, p.weight), p.bias), LayerNormCache(normal, rstd)

    def backward(self, p: Params, cache: LayerNormCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        lead = tuple(range(len(dy.shape) - 1))
        gradients = {
            "weight": ops.sum(ops.multiply(dy, cache.normal), axes=lead),
            "bias": ops.sum(dy, axes=lead),
        }
        dx = ops.normalise_gradient(ops.multiply(dy, p.weight), cache.normal, cache.rstd, axes=(-1,))
        return dx, gradients

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        arrays = [graph.parameter(p.name) for p in self.parameters()]
        return graph.node("LayerNormalization", x.name, *arrays, axis=-1, epsilon=self.eps)
