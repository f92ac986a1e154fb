"""Geometry of windows over the spatial axes of (B,C,…), shared by convolutions and pools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loom_py.errors import ShapeError
from loom_py.layers.layer import Layer
from loom_py.ops import window_counts
from loom_py.shapes import Shape, shape_text

PerAxis = int | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Size, stride, padding and dilation of windows, a number per spatial axis."""

    size: Shape
    stride: Shape
    padding: Shape
    dilation: Shape

    @staticmethod
    def of(axes: int, size: PerAxis, stride: PerAxis, padding: PerAxis, dilation: PerAxis = 1) -> Geometry:
        """Geometry from numbers for all axes, or a number for each."""

        def spread(value: PerAxis) -> Shape:
            return (value,) * axes if isinstance(value, int) else value

        return Geometry(spread(size), spread(stride), spread(padding), spread(dilation))

    @property
    def steps(self) -> dict[str, Any]:
        """Attributes that `unfold` and `fold` have in common."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    def counts(self, extents: Shape) -> Shape:
        """Windows along each axis."""
        return window_counts(extents, self.size, self.stride, self.padding, self.dilation)

    def check(self, layer: Layer, shape: Shape) -> None:
        """Raise ShapeError unless a sample has a channel axis, the spatial axes, and room for a window."""
        kind = type(layer).__name__
        if len(shape) != 1 + len(self.size):
            axes = "2 axes: channels, length" if len(self.size) == 1 else "3 axes: channels, height, width"
            raise ShapeError.expected(f"{kind} input", expected=f"samples of {axes}", got=shape_text(shape))
        try:
            self.counts(shape[1:])
        except ShapeError:
            spans = tuple(d * (k - 1) + 1 for k, d in zip(self.size, self.dilation, strict=True))
            raise ShapeError.expected(
                f"{kind} input",
                expected=f"at least {shape_text(spans)} values with padding {shape_text(self.padding)} on each side",
                got=shape_text(shape[1:]),
                do="make the window smaller or pad more",
            ) from None
