"""Residual connections: layers with a shortcut around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from loom_py import ops
from loom_py.errors import ConfigError, ShapeError
from loom_py.layers.chain import chain_backward, chain_forward, chain_gives, chain_ids, places
from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.layer import Gradients, Layer, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, chain_nodes
from loom_py.layers.run import Params, Run
from loom_py.shapes import shape_text


class ResidualCache(NamedTuple):
    """Values that backward needs."""

    inner: list[Any]  # a cache for each layer


@layer
class Residual(Layer):
    """y = x + f(x), with f the inner layers in sequence (He et al. 2015); f must keep the shape."""

    layers: Sequence[Layer]
    """Layers of f, in order."""

    def check(self) -> None:
        if not self.layers:
            raise ConfigError.expected("Residual.layers", expected="at least one layer", got="none")
        if chain_ids(self.layers) is not None:
            raise ConfigError.expected("Residual.layers", expected="layers that take values", got="one that takes ids")

    @property
    def unit_axis(self) -> int | None:
        return self.layers[-1].unit_axis

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        added = chain_gives(places(self.layers, at), incoming)
        return Given("values", incoming.low + added.low, incoming.high + added.high)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, ResidualCache]:
        y, caches = chain_forward(self.layers, x, run)
        if tuple(y.shape) != tuple(x.shape):
            raise ShapeError.expected(
                f"layer {run.path}: Residual",
                expected=f"inner layers that keep {shape_text(x.shape[1:])}",
                got=shape_text(y.shape[1:]),
            )
        return ops.add(x, y), ResidualCache(caches)

    def backward(self, p: Params, cache: ResidualCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        return ops.add(dy, chain_backward(self.layers, cache.inner, dy, run)), {}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return graph.node("Add", x.name, chain_nodes(graph, self.layers, x).name)
