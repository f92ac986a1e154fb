"""Shapes and arrays as the whole package names them.

Axis letters used in every docstring: B batch, T time, C channels, H heads, D head width, I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike as ArrayLike
from numpy.typing import NDArray

Shape = tuple[int, ...]
Array = NDArray[np.float32]
"""What the package gives back: a float32 array that the caller owns."""
AnyArray = NDArray[Any]


def size_of(shape: Iterable[int]) -> int:
    """Number of elements of a shape; 1 for a scalar's ()."""
    count = 1
    for extent in shape:
        count *= extent
    return count


def shape_text(shape: Iterable[int]) -> str:
    """A shape as people write it: "8×64", and "scalar" for ()."""
    return "×".join(str(extent) for extent in shape) or "scalar"


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape NumPy's broadcasting gives; raises ValueError when the shapes do not fit."""
    return tuple(np.broadcast_shapes(*shapes))
