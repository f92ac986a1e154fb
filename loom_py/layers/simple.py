"""Layers without parameters: identity, flattening, dropout."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.config.fields import Share
from loom_py.layers.entries import real_entries
from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.layer import Gradients, Layer, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape


@layer
class Identity(Layer):
    """y = x, the layer of an empty slot of the grid."""

    passes: ClassVar[bool] = True
    unit_axis: ClassVar[int | None] = None

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, None]:
        return x, None

    def backward(self, p: Params, cache: None, dy: Any, run: Run) -> tuple[Any, Gradients]:
        return dy, {}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return x.name


class FlattenCache(NamedTuple):
    """Values that backward needs."""

    shape: tuple[int, ...]  # of the input
    real: Any  # (B, N, 1, …): 1 for entries, 0 for padding; None without a mask


@layer
class Flatten(Layer):
    """All axes but the batch as one: (B, …) → (B, N). Entries that the run's mask hides become 0."""

    passes: ClassVar[bool] = True

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        """Several distributions on one axis are none."""
        return incoming.within() if len(at.input_shape) > 1 else incoming

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, FlattenCache]:
        real = real_entries(x, run)
        shown = x if real is None else ops.multiply(x, real)
        return ops.reshape(shown, shape=(x.shape[0], -1)), FlattenCache(x.shape, real)

    def backward(self, p: Params, cache: FlattenCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        dx = ops.reshape(dy, shape=cache.shape)
        return dx if cache.real is None else ops.multiply(dx, cache.real), {}

    def uses_mask(self, shape: Shape) -> bool:
        return len(shape) > 1

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return graph.node("Flatten", x.name, axis=1)

    def tween_target(self, p: Params, target: Any, x: Any) -> Any:
        return ops.reshape(target, shape=x.shape)


class DropoutCache(NamedTuple):
    """Values that backward needs."""

    mask: Any  # in the shape of the input, 0 or 1/(1-rate); None when nothing was dropped


@layer
class Dropout(Layer):
    """In training each value is 0 with probability `rate`, else scaled by 1/(1-rate) (Srivastava et al. 2014)."""

    rate: Share
    """Probability that a value becomes 0."""

    unit_axis: ClassVar[int | None] = None

    @property
    def passes(self) -> bool:
        return self.rate == 0

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        if self.passes or not at.training:
            return incoming
        scale = 1 / (1 - self.rate) if self.rate < 1 else math.inf
        low, high = (0.0 if limit == 0 else limit * scale for limit in (incoming.low, incoming.high))
        return Given("values" if incoming.kind == "values" else "dropped", min(low, 0.0), max(high, 0.0))

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, DropoutCache]:
        if not run.training or self.rate == 0:
            return x, DropoutCache(None)
        mask = ops.dropout_mask(
            run.draw, shape=x.shape, rate=self.rate, seed=run.seed, stream=run.stream, dtype=x.dtype
        )
        return ops.multiply(x, mask), DropoutCache(mask)

    def backward(self, p: Params, cache: DropoutCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        return dy if cache.mask is None else ops.multiply(dy, cache.mask), {}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        """The identity: exported networks do not train."""
        return x.name
