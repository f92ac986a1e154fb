"""Reading of arrays that users give."""

from __future__ import annotations

import numpy as np

from loom_py.errors import DataError, ShapeError
from loom_py.shapes import AnyArray, ArrayLike


def read_numbers(name: str, value: ArrayLike) -> AnyArray:
    """A user's value as an array of numbers or truth values.

    Args:
        name: its name in messages.

    Raises:
        ShapeError: its rows differ in length.
        DataError: it holds no numbers, or a masked array hides some.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        got = f"a masked array with {np.ma.count_masked(value)} hidden"
        raise DataError.expected(name, expected="all values", got=got, do="leave those samples out, or fill the values")
    try:
        array = np.asarray(value)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ShapeError.expected(
            name, expected="rows of one length", got="rows of several lengths", do="pad them, and give a mask"
        ) from None
    if array.dtype.kind not in "iufb":
        raise DataError.expected(name, expected="numbers", got=array.dtype)
    return array
