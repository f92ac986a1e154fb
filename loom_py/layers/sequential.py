"""Layers in sequence as one layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from loom_py.errors import ConfigError
from loom_py.layers.chain import chain_backward, chain_forward, chain_gives, chain_ids, places
from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.layer import Gradients, Layer, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, chain_nodes
from loom_py.layers.run import Params, Run


class SequentialCache(NamedTuple):
    """Values that backward needs."""

    inner: list[Any]  # a cache for each layer


@layer
class Sequential(Layer):
    """y = fₙ(… f₂(f₁(x))): layers in order, nested to any depth."""

    layers: Sequence[Layer]
    """Layers, in order."""

    def check(self) -> None:
        if not self.layers:
            raise ConfigError.expected("Sequential.layers", expected="at least one layer", got="none")

    @property
    def passes(self) -> bool:
        return all(layer.passes for layer in self.layers)

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        return chain_gives(places(self.layers, at), incoming)

    @property
    def unit_axis(self) -> int | None:
        return self.layers[-1].unit_axis

    @property
    def ids(self) -> int | None:
        return chain_ids(self.layers)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, SequentialCache]:
        y, caches = chain_forward(self.layers, x, run)
        return y, SequentialCache(caches)

    def backward(self, p: Params, cache: SequentialCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        return chain_backward(self.layers, cache.inner, dy, run), {}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return chain_nodes(graph, self.layers, x).name

    @property
    def reach(self) -> tuple[float, float]:
        return self.layers[-1].reach
