"""Axes that layers are told by number, the batch being axis 0 as in the shapes of docstrings."""

from __future__ import annotations

from collections.abc import Sequence

from loom_py.errors import ConfigError, ShapeError
from loom_py.layers.layer import Layer
from loom_py.shapes import Shape, shape_text


def check_axes(layer: Layer, field: str, axes: Sequence[int]) -> None:
    """Raise ConfigError where an axis is the batch's, or named twice."""
    if not axes or 0 in axes or len(set(axes)) != len(axes):
        expected = "different axes from 1, or from the end by -1, -2, …; axis 0 is the batch"
        raise ConfigError.expected(f"{type(layer).__name__}.{field}", expected=expected, got=getattr(layer, field))


def numbered(layer: Layer, axes: Sequence[int], shape: Shape) -> tuple[int, ...]:
    """Axes as sorted positive numbers.

    Args:
        axes: from 1, or from the end by -1, -2, …
        shape: of a sample.

    Raises:
        ShapeError: a sample of this shape lacks one of them, or two are the same.
    """
    count = len(shape) + 1
    found = tuple(sorted(a + count if a < 0 else a for a in axes))
    if found[0] < 1 or found[-1] >= count or len(set(found)) != len(found):
        raise ShapeError.expected(
            f"{type(layer).__name__} input",
            expected=f"samples with the axes {', '.join(map(str, axes))}, counting the batch as 0",
            got=shape_text(shape),
        )
    return found


def left(axis: int, gone: Sequence[int], ndim: int) -> int:
    """The number, from the end, of an axis after others have gone; -1 if it has gone itself."""
    axis %= ndim
    return -1 if axis in gone else axis + sum(g > axis for g in gone) - ndim
