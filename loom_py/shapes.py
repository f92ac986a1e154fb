"""Types of shapes and arrays for the whole package, and the legend of axis letters.

Axis letters in docstrings and kernels; a prime marks the output's extent:

- B batch, T time (positions), C channels, I inputs, O outputs, R rows (all axes but the last as one), N other numbers
  (samples of a data set, values of a flattened sample)
- attention: H query heads, J key/value heads, G = H/J query heads to each, D head width
- recurrent layers: H hidden units; SwiGLU: M hidden width; Parallel: E branches (experts)
- embeddings and losses: V ids (vocabulary), C classes
- convolutions and pools: H height, W width, K places in a window (kernel), P windows (positions of the output)

Kernels of matrix products use the letters of BLAS: (M, K) · (K, N).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike as ArrayLike
from numpy.typing import NDArray

Shape = tuple[int, ...]
Array = NDArray[np.float32]
"""Array that the package returns: float32, owned by the caller."""
AnyArray = NDArray[Any]


def size_of(shape: Iterable[int]) -> int:
    """Number of elements of a shape; 1 for a scalar's ()."""
    count = 1
    for extent in shape:
        count *= extent
    return count


def shape_text(shape: Iterable[int]) -> str:
    """A shape as text: "8×64", and "scalar" for ()."""
    return "×".join(str(extent) for extent in shape) or "scalar"


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape NumPy's broadcasting gives; raises ValueError when the shapes do not fit."""
    return tuple(np.broadcast_shapes(*shapes))
