"""Export of networks as ONNX models (https://onnx.ai): each layer declares its nodes; here they become a checked model.

It needs the package `onnx`: `pip install loom-py[onnx]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from loom_py.engine.layout import check_values, walk
from loom_py.errors import UnavailableError
from loom_py.layers import Layer
from loom_py.layers.onnx import OnnxValue
from loom_py.network.blueprint import LayerBlueprint
from loom_py.network.core import NetworkCore
from loom_py.shapes import AnyArray, ArrayLike, Shape

OPSET, IR_VERSION = 17, 8
"""Operators of 2022, which every runtime of today reads; LayerNormalization came with them."""


def onnx_model(net: NetworkCore) -> bytes:
    """A network in inference (no dropout, running statistics) as an ONNX model: `input` (N, …) → `output` (N, …).

    Raises:
        UnavailableError: layers that ONNX has no operators for, all of them named.
    """
    top = [(str(index), layer) for index, layer in enumerate(net.grid.layers)]
    unknown = [f"{path} ({type(layer).__name__})" for path, layer in walk(top) if not _has_nodes(layer)]
    if unknown:
        raise UnavailableError.expected(
            "ONNX export", expected="layers with ONNX nodes (to_onnx)", got=f"others: {', '.join(unknown)}"
        )
    parameters = {name: check_values(f"parameter {name}", array) for name, array in net.parameters().items()}
    graph = Graph(Nodes(), parameters, dict(_shapes(net.get_blueprint().layers)))
    x = OnnxValue("input", net.input_shape)
    for path, layer in top:
        x = graph.run(path, layer, x)
    graph.nodes.add("Identity", (x.name,), ["output"], {})
    return _serialised(graph.nodes, net, x.shape)


def _has_nodes(layer: Layer) -> bool:
    return type(layer).to_onnx is not Layer.to_onnx


def _shapes(layers: tuple[LayerBlueprint, ...]) -> Iterator[tuple[str, Shape]]:
    for layer in layers:
        yield layer.path, layer.output_shape
        yield from _shapes(layer.children)


@dataclass
class Nodes:
    """Nodes and constants of a model so far."""

    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, AnyArray] = field(default_factory=dict)

    def add(self, operator: str, inputs: tuple[str, ...], outputs: list[str], attributes: dict[str, Any]) -> None:
        """Add a node."""
        from onnx import helper

        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), outputs, name=name, **attributes))


@dataclass(frozen=True)
class Graph:
    """The graph as one layer sees it; see `loom_py.layers.onnx.OnnxGraph`."""

    nodes: Nodes
    arrays: dict[str, AnyArray]
    shapes: dict[str, Shape]
    path: str = ""

    def array(self, name: str) -> AnyArray:
        """One of the layer's own arrays."""
        return self.arrays[f"{self.path}.{name}"]

    def parameter(self, name: str) -> str:
        """One of the layer's own arrays as a value of the graph."""
        return self._keep(f"{self.path}.{name}", self.array(name))

    def constant(self, value: ArrayLike) -> str:
        """A constant: whole numbers as int64, others as float32."""
        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        return self._keep(f"{self.path}/constant_{len(self.nodes.constants)}", array)

    def node(self, operator: str, *inputs: str, output: int = 0, **attributes: Any) -> str:
        """Add a node; returns its output of that number."""
        name = f"{self.path}/{operator}_{len(self.nodes.nodes)}"
        self.nodes.add(operator, inputs, [""] * output + [name], attributes)
        return name

    def run(self, name: str, layer: Layer, x: OnnxValue) -> OnnxValue:
        """Add a nested layer at the path `name`."""
        path = f"{self.path}.{name}" if self.path else name
        try:
            y = layer.to_onnx(replace(self, path=path), x)
        except UnavailableError as error:
            raise UnavailableError(f"layer {path} ({type(layer).__name__}): {error}") from None
        return OnnxValue(y, self.shapes[path])

    def _keep(self, name: str, array: AnyArray) -> str:
        self.nodes.constants[name] = array
        return name


def _serialised(nodes: Nodes, net: NetworkCore, output_shape: Shape) -> bytes:
    from onnx import TensorProto, checker, helper, numpy_helper

    takes = TensorProto.FLOAT if net.engine.compiler.ids is None else TensorProto.INT64
    graph = helper.make_graph(
        nodes.nodes,
        net.model_id,
        [helper.make_tensor_value_info("input", takes, ["batch", *net.input_shape])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", *output_shape])],
        [numpy_helper.from_array(array, name) for name, array in nodes.constants.items()],
    )
    model = helper.make_model(
        graph, producer_name="loom_py", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
