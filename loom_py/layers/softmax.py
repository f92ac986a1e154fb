"""Softmax as a layer."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal, NamedTuple

from loom_py import ops
from loom_py.layers.fields import Positive
from loom_py.layers.layer import Gradients, Layer, layer
from loom_py.layers.run import Params, Run

SoftmaxVariant = Literal["standard"]


class SoftmaxCache(NamedTuple):
    """What backward needs."""

    y: Any  # (B, …, C)


@layer
class Softmax(Layer):
    """y = exp(x/τ) / Σ exp(x/τ) over the last axis; input and output (B, …, C)."""

    gives: ClassVar[Literal["values", "probabilities", "same"]] = "probabilities"

    _: KW_ONLY
    variant: SoftmaxVariant = "standard"
    temperature: Positive = 1.0

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, SoftmaxCache]:
        y = ops.softmax(x, temperature=self.temperature)
        return y, SoftmaxCache(y)

    def backward(self, p: Params, cache: SoftmaxCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        return ops.softmax_gradient(dy, cache.y, temperature=self.temperature), {}
