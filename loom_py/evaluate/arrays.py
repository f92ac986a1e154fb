"""Users' samples and batches as checked arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loom_py.arrays import read_numbers
from loom_py.errors import DataError

Vector = NDArray[np.float64]


def vector(values: ArrayLike, what: str) -> Vector:
    """The values of one sample as a float64 vector; raises DataError if they are not numbers."""
    return array(values, what).ravel()


def array(values: ArrayLike, what: str) -> Vector:
    """Values as float64; raises DataError if they are not numbers or there are none, ShapeError for ragged rows."""
    found = read_numbers(what, values).astype(np.float64)
    if found.size == 0:
        raise DataError.expected(what, expected="at least one number", got="none")
    return found


def pairs(outputs: ArrayLike, targets: ArrayLike) -> zip[tuple[Any, Any]]:
    """Samples of a batch with their targets; raises DataError if their numbers differ or there is no batch."""
    first, second = read_numbers("outputs", outputs), read_numbers("targets", targets)
    if not first.ndim or not second.ndim:
        raise DataError.expected(
            "batch", expected="several samples", got="a scalar", do="use the method for one sample"
        )
    lengths = [len(first), len(second)]
    if lengths[0] != lengths[1]:
        raise DataError.expected("batch", expected=f"{lengths[0]} targets, one a sample", got=lengths[1])
    return zip(first, second, strict=True)
