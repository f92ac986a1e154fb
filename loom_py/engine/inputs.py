"""Inputs of a network: checked, batch first, in its dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from loom_py.arrays import read_numbers
from loom_py.errors import DataError, ShapeError
from loom_py.layers import Layer
from loom_py.shapes import AnyArray, ArrayLike, Shape


class Form(NamedTuple):
    """Shapes and dtypes of a Program's inputs, batch axis included; Programs are compiled for them."""

    shape: Shape
    target: Shape = ()
    target_dtype: Any = None
    masked: bool = False


class Feed(NamedTuple):
    """Checked arrays for one run, batch first."""

    x: AnyArray
    target: AnyArray | None = None
    mask: AnyArray | None = None

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.x)

    @property
    def form(self) -> Form:
        """Shapes and dtypes of the arrays."""
        masked = self.mask is not None
        if self.target is None:
            return Form(self.x.shape, masked=masked)
        return Form(self.x.shape, self.target.shape, self.target.dtype, masked)

    def chosen(self, which: slice | AnyArray) -> Feed:
        """Some of the samples."""
        target = None if self.target is None else self.target[which]
        return Feed(self.x[which], target, None if self.mask is None else self.mask[which])


def read_input(x: ArrayLike, input_shape: Shape, *, ids: int | None) -> tuple[AnyArray, bool]:
    """An input as a batch, and whether it was a single sample.

    Args:
        input_shape: shape of one sample.
        ids: number of ids that the network knows; None where it takes values.

    Raises:
        ShapeError: the input does not have that shape.
        DataError: it is not numbers, or not finite.
    """
    array = read_numbers("input", x)
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


def check_mask_use(layers: Mapping[str, Layer], shapes: Mapping[str, tuple[Shape, Shape]], entries: int) -> None:
    """Check that layers leave out what a mask of so many entries hides.

    Args:
        layers: every layer by path.
        shapes: their input and output shapes without batch, by path.

    Raises:
        DataError: a layer would compute with the padding, or none uses the mask.
    """
    using = {path for path, layer in layers.items() if layer.uses_mask(shapes[path][0])}
    for path, layer in layers.items():
        before, after = shapes[path]
        if path not in using and layer.mixes(before) and has_entries(before, entries):
            raise DataError.expected(
                "mask", expected="layers that leave out padding", got=f"{type(layer).__name__} at layer {path}",
                do="give it inputs of equal length without a mask, or use RNN, GRU, LSTM, MultiHeadAttention or Mean",
            )  # fmt: skip
        if layer.ids is None and has_entries(after, entries) and not has_entries(before, entries):
            raise DataError.expected(
                "mask", expected="layers that keep entries apart",
                got=f"an axis of {entries} that {type(layer).__name__} at layer {path} makes of others",
                do="give it inputs of equal length without a mask",
            )  # fmt: skip
    if not using:
        raise DataError.expected(
            "mask", expected="a layer that uses it, such as LSTM or MultiHeadAttention", got="none",
            do="leave the mask out; give the loss an ignore_label for padded targets",
        )  # fmt: skip


def has_entries(shape: Shape, entries: int) -> bool:
    """Whether a sample of this shape still has the entries of the input, each with values of its own."""
    return len(shape) > 1 and shape[0] == entries


def read_mask(mask: ArrayLike | None, batch: AnyArray, *, single: bool) -> AnyArray | None:
    """A mask for a batch (B, N, …): (B, N), 1 for real entries and 0 for padding.

    Raises:
        ShapeError: it has another shape.
        DataError: it has values other than 0 and 1.
    """
    if mask is None:
        return None
    array = read_numbers("mask", mask)
    array = array[None] if single else array
    if array.shape != batch.shape[:2]:
        wanted = batch.shape[1:2] if single else batch.shape[:2]
        raise ShapeError.expected(
            "mask", expected=wanted, got=np.shape(mask), do="give 1 for real entries, 0 for padding"
        )
    if not np.isin(array, (0, 1)).all():
        raise DataError.expected("mask", expected="True and False, or 1 and 0", got=f"other values ({array.dtype})")
    return array.astype(np.float32)
