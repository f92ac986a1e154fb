"""Inputs as a network takes them: checked, batch first, in its own dtype."""

from __future__ import annotations

import numpy as np

from loom_py.errors import DataError, ShapeError
from loom_py.shapes import AnyArray, ArrayLike, Shape


def read_input(x: ArrayLike, input_shape: Shape, *, ids: int | None) -> tuple[AnyArray, bool]:
    """An input as a batch, and whether it was a single sample.

    Args:
        input_shape: shape of one sample.
        ids: how many ids the network knows; None where it takes values.

    Raises:
        ShapeError: the input does not have that shape.
        DataError: it is not numbers, or not finite.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "iufb":
        raise DataError.expected("input", expected="numbers", got=array.dtype)
    single = array.shape == input_shape
    batch = array[None] if single else array
    if batch.shape[1:] != input_shape or batch.ndim != len(input_shape) + 1 or batch.shape[0] == 0:
        wanted = ", ".join(map(str, input_shape))
        raise ShapeError.expected("input", expected=f"(B, {wanted}) or ({wanted})", got=array.shape)
    return (_values(batch) if ids is None else _ids(batch, ids)), single


def _ids(batch: AnyArray, count: int) -> AnyArray:
    if batch.dtype.kind == "f" and not (batch == np.floor(batch)).all():
        raise DataError.expected("input", expected="whole numbers (ids)", got="fractions or NaN")
    if batch.min() < 0 or batch.max() >= count:
        raise DataError.expected("input", expected=f"ids from 0 to {count - 1}", got=f"{batch.min()} to {batch.max()}")
    return batch.astype(np.int32)


def _values(batch: AnyArray) -> AnyArray:
    values = batch.astype(np.float32)
    if not np.isfinite(values).all():
        got = f"{int(np.isnan(values).sum())} NaN and {int(np.isinf(values).sum())} infinite values"
        raise DataError.expected("input", expected="finite numbers", got=got, do="clean the data first")
    return values
