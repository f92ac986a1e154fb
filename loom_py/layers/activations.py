"""Activation functions, within layers and as a layer of their own."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.layers.layer import Gradients, Layer, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, activation_node
from loom_py.layers.run import Params, Run
from loom_py.ops import FUNCTIONS, ActivationName


def activate(z: Any, function: ActivationName) -> tuple[Any, Any]:
    """y = f(z), and the value that its gradient needs: y or z, as the table of functions declares."""
    if function == "linear":
        return z, None
    y = ops.activate(z, function=function)
    return y, y if FUNCTIONS[function].needs == "output" else z


def activate_backward(dy: Any, saved: Any, function: ActivationName) -> Any:
    """dz = dy · f'(z)."""
    return dy if function == "linear" else ops.activate_gradient(dy, saved, function=function)


class ActivationCache(NamedTuple):
    """Values that backward needs."""

    saved: Any  # y or z, as the input


@layer
class Activation(Layer):
    """An activation function by itself: y = f(x), elementwise; input and output (B, …)."""

    function: ActivationName
    """Name of the function."""

    unit_axis: ClassVar[int | None] = None

    @property
    def passes(self) -> bool:
        return self.function == "linear"

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, ActivationCache]:
        y, saved = activate(x, self.function)
        return y, ActivationCache(saved)

    def backward(self, p: Params, cache: ActivationCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        return activate_backward(dy, cache.saved, self.function), {}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return activation_node(graph, x.name, self.function)
