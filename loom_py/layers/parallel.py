"""Parallel branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from loom_py import ops
from loom_py.config.fields import Size
from loom_py.errors import ConfigError, ShapeError
from loom_py.layers.chain import places
from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, product_node
from loom_py.layers.run import Params, Run
from loom_py.output_kind import OutputKind
from loom_py.shapes import AnyArray, Shape

Combine = Literal["concat", "add", "mean", "gated"]


class ParallelCache(NamedTuple):
    """Values that backward needs; E branches (experts)."""

    x: Any  # (B, …, I)
    inner: list[Any]  # a cache for each branch
    outputs: list[Any]  # each (B, …, C)
    gates: Any  # (B, …, E), None unless gated


@layer
class Parallel(Layer):
    """All branches receive x; their outputs are concatenated on the last axis, added, averaged, or weighted by gates.

    `gated`: y = Σₖ gₖ·fₖ(x) with g = softmax(x W + b), a mixture of experts (Jacobs et al. 1991); `gate_inputs` is the
    last axis of x (I).

    Shapes: input (B, …); outputs of branches (B, …, C), for all but `concat` of one shape; gated: gate_weight (I, E),
    gate_bias (E).
    """

    branches: Sequence[Layer]
    """Layers that all receive the input."""
    combine: Combine = "concat"
    """Combination of the branches' outputs."""
    _: KW_ONLY
    gate_inputs: Size | None = None
    """Extent of the input's last axis (I), which "gated" needs."""

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        """A mean or mixture of distributions is one; of probabilities, and side by side, each is one by itself."""
        given = [branch.gives(incoming, place) for place, branch in places(self.branches, at, "branches")]
        kind: OutputKind
        kinds, lows, highs = {one.kind for one in given}, [one.low for one in given], [one.high for one in given]
        if self.combine == "add":
            return given[0] if len(given) == 1 else Given("values", sum(lows), sum(highs))
        if len(given) == 1 or (kinds == {"probabilities"} and self.combine != "concat"):
            kind = given[0].kind
        elif "values" in kinds:
            kind = "values"
        else:
            kind = "dropped" if "dropped" in kinds else "independent"
        return Given(kind, min(lows), max(highs))

    def check(self) -> None:
        if not self.branches:
            raise ConfigError.expected("Parallel.branches", expected="at least one layer", got="none")
        if (self.gate_inputs is not None) != (self.combine == "gated"):
            expected = "the last axis of the input" if self.combine == "gated" else 'None unless combine is "gated"'
            raise ConfigError.expected("Parallel.gate_inputs", expected=expected, got=self.gate_inputs)
        taking = {layer.ids is None for layer in self.branches if not layer.passes}
        if len(taking) > 1 or (self.gate_inputs is not None and False in taking):
            raise ConfigError.expected("Parallel.branches", expected="all to take values, or all ids", got="both")

    def check_input(self, shape: Shape) -> None:
        if self.gate_inputs is not None:
            self.expect_last(shape, self.gate_inputs, "gate_inputs")

    @property
    def unit_axis(self) -> int | None:
        return self.branches[0].unit_axis

    @property
    def ids(self) -> int | None:
        known = [layer.ids for layer in self.branches if layer.ids is not None]
        return min(known, default=None)

    def parameters(self) -> tuple[Parameter, ...]:
        if self.gate_inputs is None:
            return ()
        g, k = self.gate_inputs, len(self.branches)
        return Parameter("gate_weight", (g, k), "xavier_uniform", g, k), Parameter("gate_bias", (k,))

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, ParallelCache]:
        outputs, caches = [], []
        for i, branch in enumerate(self.branches):
            y, cache = run.forward(f"branches.{i}", branch, x)
            outputs.append(y)
            caches.append(cache)
        self._check_outputs(outputs, run)
        gates = None
        if self.combine == "concat":
            return ops.concat(*outputs, axis=-1), ParallelCache(x, caches, outputs, None)
        if self.combine == "gated":
            gates = ops.softmax(_product(x, p.gate_weight, p.gate_bias))
            outputs_in = [ops.multiply(y, _column(gates, i)) for i, y in enumerate(outputs)]
        else:
            outputs_in = outputs
        y = _total(outputs_in)
        if self.combine == "mean":
            y = ops.multiply(y, 1 / len(outputs))
        return y, ParallelCache(x, caches, outputs, gates)

    def backward(self, p: Params, cache: ParallelCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        gradients: dict[str, Any] = {}
        incoming = self._split(cache, dy)
        inputs = [
            run.backward(f"branches.{i}", branch, cache.inner[i], incoming[i]) for i, branch in enumerate(self.branches)
        ]
        if self.combine == "gated":
            dgates = ops.concat(*(ops.sum(ops.multiply(dy, y), axes=-1, keepdims=True) for y in cache.outputs), axis=-1)
            dz = ops.softmax_gradient(dgates, cache.gates)
            rows, dz_rows = _rows(cache.x), _rows(dz)
            gradients["gate_weight"] = ops.matmul(rows, dz_rows, transpose_a=True)
            gradients["gate_bias"] = ops.sum(dz_rows, axes=0)
            dx = ops.matmul(dz_rows, p.gate_weight, transpose_b=True)
            inputs.append(ops.reshape(dx, shape=cache.x.shape))
        known = [dx for dx in inputs if dx is not None]
        return _total(known) if known else None, gradients

    def _split(self, cache: ParallelCache, dy: Any) -> list[Any]:
        """Gradient of each branch's output."""
        if self.combine == "add":
            return [dy] * len(self.branches)
        if self.combine == "mean":
            return [ops.multiply(dy, 1 / len(self.branches))] * len(self.branches)
        if self.combine == "gated":
            return [ops.multiply(dy, _column(cache.gates, i)) for i in range(len(self.branches))]
        stops = [0]
        for y in cache.outputs:
            stops.append(stops[-1] + y.shape[-1])
        return [ops.slice_axis(dy, axis=-1, start=a, stop=b) for a, b in pairwise(stops)]

    def _check_outputs(self, outputs: list[Any], run: Run) -> None:
        shapes = [tuple(y.shape) for y in outputs]
        extent = -1 if self.combine == "concat" else None
        if len({shape[:extent] for shape in shapes}) > 1:
            wanted = "branches whose outputs have one shape" + (" but for the last axis" if extent else "")
            raise ShapeError.expected(
                f"layer {run.path}: Parallel", expected=wanted, got=[shape[1:] for shape in shapes]
            )

    def torch_state(self) -> dict[str, Shape]:
        """Of an `nn.Linear` named `gate`."""
        return {p.name.replace("_", "."): p.shape[::-1] for p in self.parameters()}

    def from_torch(self, state: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        return {p.name: state[p.name.replace("_", ".")].T for p in self.parameters()}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        outputs = [graph.run(f"branches.{i}", branch, x).name for i, branch in enumerate(self.branches)]
        if self.combine == "concat":
            return graph.node("Concat", *outputs, axis=-1)
        if self.combine == "gated":
            gates = graph.node("Softmax", product_node(graph, x.name, "gate_weight", "gate_bias"), axis=-1)
            columns = [graph.node("Gather", gates, graph.constant([i]), axis=-1) for i in range(len(outputs))]
            outputs = [graph.node("Mul", y, g) for y, g in zip(outputs, columns, strict=True)]
        return graph.node("Mean" if self.combine == "mean" else "Sum", *outputs)


def _total(values: list[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        total = ops.add(total, value)
    return total


def _column(gates: Any, i: int) -> Any:
    return ops.slice_axis(gates, axis=-1, start=i, stop=i + 1)


def _rows(x: Any) -> Any:
    return ops.reshape(x, shape=(-1, x.shape[-1]))


def _product(x: Any, weight: Any, bias: Any) -> Any:
    return ops.reshape(ops.matmul(_rows(x), weight, bias), shape=(*x.shape[:-1], weight.shape[-1]))
