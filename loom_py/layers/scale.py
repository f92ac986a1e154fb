"""Learned scale of each channel."""

from __future__ import annotations

from typing import Any

from loom_py import ops
from loom_py.config.fields import Size
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape


@layer
class Scale(Layer):
    """y = w · x over the last axis.

    Shapes: input and output (B, …, C), weight (C).
    """

    dim: Size
    """Extent of the last axis (C)."""

    def check_input(self, shape: Shape) -> None:
        self.expect_last(shape, self.dim, "dim")

    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter("weight", (self.dim,), "ones"),)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, Any]:
        return ops.multiply(x, p.weight), x

    def backward(self, p: Params, cache: Any, dy: Any, run: Run) -> tuple[Any, Gradients]:
        lead = tuple(range(len(dy.shape) - 1))
        return ops.multiply(dy, p.weight), {"weight": ops.sum(ops.multiply(dy, cache), axes=lead)}
