"""A layer as nodes of ONNX (https://onnx.ai/onnx/operators/, opset 17), added to a graph through a small builder.

Nothing here needs the `onnx` package; `loom_py.store.onnx` has the builder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from loom_py.errors import UnavailableError
from loom_py.ops.activation import LEAKY_SLOPE, ActivationName
from loom_py.shapes import AnyArray, ArrayLike, Shape

if TYPE_CHECKING:
    from loom_py.layers.layer import Layer


class OnnxValue(NamedTuple):
    """A value of the graph, and its shape without the batch axis."""

    name: str
    shape: Shape


class OnnxGraph(Protocol):
    """An ONNX graph as one layer sees it."""

    def array(self, name: str) -> AnyArray:
        """One of the layer's own arrays."""
        ...

    def parameter(self, name: str) -> str:
        """One of the layer's own arrays as a value of the graph."""
        ...

    def constant(self, value: ArrayLike) -> str:
        """A constant: whole numbers as int64, others as float32."""
        ...

    def node(self, operator: str, *inputs: str, output: int = 0, **attributes: Any) -> str:
        """Add a node; returns its output of that number."""
        ...

    def run(self, name: str, layer: Layer, x: OnnxValue) -> OnnxValue:
        """Add the layer named `name` within the current one."""
        ...


_SAME: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": LEAKY_SLOPE}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {}),
    "elu": ("Elu", {"alpha": 1.0}),
}


def activation_node(graph: OnnxGraph, x: str, function: ActivationName) -> str:
    """f(x); gelu and silu by simpler nodes, since opset 17 has neither."""
    if function == "linear":
        return x
    if function == "silu":
        return graph.node("Mul", x, graph.node("Sigmoid", x))
    if function == "gelu":
        error = graph.node("Erf", graph.node("Mul", x, graph.constant(math.sqrt(0.5))))
        doubled = graph.node("Mul", x, graph.node("Add", error, graph.constant(1.0)))
        return graph.node("Mul", doubled, graph.constant(0.5))
    operator, attributes = _SAME[function]
    return graph.node(operator, x, **attributes)


def recurrent_activation(function: ActivationName) -> dict[str, Any]:
    """Attributes of ONNX's RNN for an activation; raises UnavailableError where it has none of the kind."""
    if function == "linear":
        return {"activations": ["Affine"], "activation_alpha": [1.0], "activation_beta": [0.0]}
    if function not in _SAME:
        raise UnavailableError(f"ONNX: its RNN has no activation {function!r}")
    operator, attributes = _SAME[function]
    return {"activations": [operator]} | ({"activation_alpha": list(attributes.values())} if attributes else {})


def product_node(graph: OnnxGraph, x: str, weight: str, bias: str | None) -> str:
    """x W + b, from the names of the layer's own arrays; x may have any number of axes."""
    y = graph.node("MatMul", x, graph.parameter(weight))
    return y if bias is None else graph.node("Add", y, graph.parameter(bias))


def reshape_node(graph: OnnxGraph, x: str, shape: Sequence[int]) -> str:
    """x reshaped; -1 is the batch."""
    return graph.node("Reshape", x, graph.constant(shape))


def chain_nodes(graph: OnnxGraph, layers: Sequence[Layer], x: OnnxValue, field: str = "layers") -> OnnxValue:
    """Layers in sequence."""
    for index, layer in enumerate(layers):
        x = graph.run(f"{field}.{index}", layer, x)
    return x
