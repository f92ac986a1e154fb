"""What a layer's outputs are, as far as it can be told without running it: their kind and their limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from loom_py.output_kind import OutputKind
from loom_py.shapes import Shape


@dataclass(frozen=True, slots=True)
class Given:
    """Kind and limits of values."""

    kind: OutputKind = "values"
    low: float = -math.inf
    high: float = math.inf

    def within(self) -> Given:
        """Of averages and picks of these values: of a distribution they are probabilities, but no distribution."""
        return Given("independent" if self.kind == "probabilities" else self.kind, self.low, self.high)


@dataclass(frozen=True, slots=True)
class LayerPlace:
    """Where a layer stands.

    Attributes:
        path: path of the layer.
        shapes: shapes of every path's input and output, without batch.
        training: whether it is a training pass.
    """

    path: str
    shapes: Mapping[str, tuple[Shape, Shape]]
    training: bool

    @property
    def input_shape(self) -> Shape:
        """Shape of an input sample."""
        return self.shapes[self.path][0]

    def child(self, name: str) -> LayerPlace:
        """The place of an inner layer."""
        return LayerPlace(f"{self.path}.{name}", self.shapes, self.training)
