"""The fully connected layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.config.fields import Size
from loom_py.initializers import InitializerName, choose
from loom_py.layers.activations import activate, activate_backward
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, activation_node, product_node
from loom_py.layers.run import Params, Run
from loom_py.ops import ActivationName
from loom_py.shapes import AnyArray, Shape


class DenseCache(NamedTuple):
    """Values that backward needs."""

    x: Any  # (B, …, I)
    saved: Any  # (B, …, O): what the activation's gradient needs


@layer
class Dense(Layer):
    """Fully connected: y = f(x W + b).

    Shapes: input (B, …, I), output (B, …, O), weight (I, O), bias (O).
    """

    inputs: Size
    """Extent of the input's last axis (I)."""
    outputs: Size
    """Units: extent of the output's last axis (O)."""
    activation: ActivationName = "linear"
    """Activation of each output; see the layer Activation."""
    _: KW_ONLY
    bias: bool = True
    """Whether each output has a bias."""
    init: InitializerName = "auto"
    """Initialiser of the weights; "auto" suits the activation."""

    def check_input(self, shape: Shape) -> None:
        self.expect_last(shape, self.inputs, "inputs")

    def parameters(self) -> tuple[Parameter, ...]:
        init = choose(self.init, self.activation)
        weight = Parameter("weight", (self.inputs, self.outputs), init, self.inputs, self.outputs)
        return (weight, Parameter("bias", (self.outputs,))) if self.bias else (weight,)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, DenseCache]:
        rows = ops.reshape(x, shape=(-1, self.inputs))
        z = ops.matmul(rows, p.weight, p.get("bias"))
        y, saved = activate(ops.reshape(z, shape=(*x.shape[:-1], self.outputs)), self.activation)
        return y, DenseCache(x, saved)

    def backward(self, p: Params, cache: DenseCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        dz = ops.reshape(activate_backward(dy, cache.saved, self.activation), shape=(-1, self.outputs))
        rows = ops.reshape(cache.x, shape=(-1, self.inputs))
        gradients = {"weight": ops.matmul(rows, dz, transpose_a=True)}
        if self.bias:
            gradients["bias"] = ops.sum(dz, axes=0)
        dx = ops.matmul(dz, p.weight, transpose_b=True)
        return ops.reshape(dx, shape=cache.x.shape), gradients

    def torch_state(self) -> dict[str, Shape]:
        """Of `nn.Linear`."""
        return super().torch_state() | {"weight": (self.outputs, self.inputs)}

    def from_torch(self, state: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        return {**state, "weight": state["weight"].T}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        y = product_node(graph, x.name, "weight", "bias" if self.bias else None)
        return activation_node(graph, y, self.activation)

    tween_rate: ClassVar[float] = 1.0

    @property
    def tween_gain(self) -> float:
        return 1 / math.sqrt(self.outputs)

    def tween_target(self, p: Params, target: Any, x: Any) -> Any:
        """Target of each input: mean of the outputs' targets, weighted by its weights; near 0 where these are small."""
        size = ops.clamp(ops.sum(ops.abs(p.weight), axes=1), low=0.01, high=math.inf)
        pulled = ops.matmul(ops.reshape(target, shape=(-1, self.outputs)), p.weight, transpose_b=True)
        return ops.reshape(ops.divide(pulled, size), shape=x.shape)
