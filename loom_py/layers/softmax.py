"""Softmax and its sparse relatives as a layer."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal, NamedTuple

from loom_py import ops
from loom_py.config.fields import Positive
from loom_py.errors import ShapeError, UnavailableError
from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.layer import Gradients, Layer, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape

SoftmaxVariant = Literal["standard", "masked", "sparsemax", "entmax15"]
_ALPHA = {"sparsemax": 2.0, "entmax15": 1.5}


class SoftmaxCache(NamedTuple):
    """Values that backward needs."""

    y: Any  # (B, …, C)


@layer
class Softmax(Layer):
    """y = exp(x/τ) / Σ exp(x/τ) over the last axis; sparse variants make small shares exactly 0.

    `masked` leaves out the classes that the run's mask (B, C) hides. `sparsemax` (Martins & Astudillo 2016) is the
    point of the simplex nearest to x/τ; `entmax15` (Peters, Niculae & Martins 2019) is between it and softmax. A class
    at exactly 0 has no gradient: as the last layer before cross-entropy, the sparse variants can get stuck.

    Shapes: input and output (B, …, C).
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    _: KW_ONLY
    variant: SoftmaxVariant = "standard"
    """Variant of the function."""
    temperature: Positive = 1.0
    """Divisor of the input (τ): above 1 evens the shares, below 1 sharpens them."""

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        return Given("probabilities", *self.bounds)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, SoftmaxCache]:
        if self.variant in _ALPHA:
            y = ops.entmax(x, alpha=_ALPHA[self.variant], temperature=self.temperature)
        else:
            y = ops.softmax(x, self._mask(run, tuple(x.shape)), temperature=self.temperature)
        return y, SoftmaxCache(y)

    def backward(self, p: Params, cache: SoftmaxCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        if self.variant in _ALPHA:
            return ops.entmax_gradient(dy, cache.y, alpha=_ALPHA[self.variant], temperature=self.temperature), {}
        return ops.softmax_gradient(dy, cache.y, temperature=self.temperature), {}

    def uses_mask(self, shape: Shape) -> bool:
        return self.variant == "masked"

    def _mask(self, run: Run, shape: tuple[int, ...]) -> Any:
        if self.variant != "masked" or run.mask is None:
            return None
        wanted = (shape[0], shape[-1])
        if tuple(run.mask.shape) != wanted:
            raise ShapeError.expected("mask of a masked Softmax", expected=wanted, got=tuple(run.mask.shape))
        return ops.reshape(run.mask, shape=(shape[0], *(1 for _ in shape[2:]), shape[-1]))

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        if self.variant != "standard":
            raise UnavailableError(
                f"ONNX export: expected a Softmax of variant 'standard', got variant {self.variant!r}"
            )
        scaled = x.name if self.temperature == 1 else graph.node("Div", x.name, graph.constant(self.temperature))
        return graph.node("Softmax", scaled, axis=-1)

    reach: ClassVar[tuple[float, float]] = (0.0, 1.0)
