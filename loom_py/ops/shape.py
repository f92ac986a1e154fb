"""Verbs that rearrange values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray, Shape, size_of


def _reshaped(x: Spec, *, shape: Shape) -> Spec:
    known = size_of(n for n in shape if n != -1)
    full = tuple(x.size // known if n == -1 and known else n for n in shape)
    if size_of(full) != x.size:
        raise ShapeError.expected("reshape", expected=f"a shape of {x.size} elements", got=shape)
    return Spec(full, x.dtype)


@verb(_reshaped, flops=0, view=lambda x, **_: 0)
def reshape(out: AnyArray, x: AnyArray, *, shape: Shape) -> None:
    """The same elements in another shape (one extent may be -1); a view in a Program."""
    np.copyto(out, x.reshape(out.shape))


def _rows(x: Spec, *, start: int, stop: int) -> Spec:
    if not 0 <= start < stop <= x.shape[0]:
        raise ShapeError.expected("rows", expected=f"0 ≤ start < stop ≤ {x.shape[0]}", got=f"{start}:{stop}")
    return Spec((stop - start, *x.shape[1:]), x.dtype)


@verb(_rows, flops=0, view=lambda x, start, stop: start * (x.nbytes // x.shape[0]))
def rows(out: AnyArray, x: AnyArray, *, start: int, stop: int) -> None:
    """x[start:stop] along the first axis; a view in a Program."""
    np.copyto(out, x[start:stop])


def _permuted(x: Spec, *, axes: Sequence[int]) -> Spec:
    if sorted(axes) != list(range(len(x.shape))):
        raise ShapeError.expected("transpose", expected=f"a permutation of {len(x.shape)} axes", got=axes)
    return Spec(tuple(x.shape[a] for a in axes), x.dtype)


@verb(_permuted, flops=0)
def transpose(out: AnyArray, x: AnyArray, *, axes: Sequence[int]) -> None:
    """Axes in another order."""
    np.copyto(out, x.transpose(axes))


def _sliced(x: Spec, *, axis: int, start: int, stop: int) -> Spec:
    extent = x.shape[axis]
    if not 0 <= start < stop <= extent:
        raise ShapeError.expected("slice", expected=f"0 ≤ start < stop ≤ {extent}", got=f"{start}:{stop}")
    shape = list(x.shape)
    shape[axis] = stop - start
    return Spec(tuple(shape), x.dtype)


@verb(_sliced, flops=0)
def slice_axis(out: AnyArray, x: AnyArray, *, axis: int, start: int, stop: int) -> None:
    """Elements start … stop-1 along one axis."""
    index: list[Any] = [slice(None)] * x.ndim
    index[axis] = slice(start, stop)
    np.copyto(out, x[tuple(index)])


def _joined(*parts: Spec, axis: int) -> Spec:
    first = parts[0]
    axis %= len(first.shape)
    for part in parts[1:]:
        if part.shape[:axis] + part.shape[axis + 1 :] != first.shape[:axis] + first.shape[axis + 1 :]:
            raise ShapeError.expected(
                "concat", expected=f"shapes equal but for axis {axis}", got=[p.shape for p in parts]
            )
    shape = list(first.shape)
    shape[axis] = sum(p.shape[axis] for p in parts)
    return Spec(tuple(shape), first.dtype)


@verb(_joined, flops=0)
def concat(out: AnyArray, *parts: AnyArray, axis: int) -> None:
    """Arrays concatenated along an axis."""
    np.concatenate(parts, axis=axis, out=out)


@verb(lambda x, *, shape: Spec(tuple(shape), x.dtype), flops=0)
def broadcast_to(out: AnyArray, x: AnyArray, *, shape: Shape) -> None:
    """Repeat along axes of extent 1, as NumPy broadcasts."""
    np.copyto(out, np.broadcast_to(x, shape))


def _padded(x: Spec, *, axis: int, before: int, after: int) -> Spec:
    if before < 0 or after < 0:
        raise ShapeError.expected("pad", expected="at least 0 on either side", got=(before, after))
    shape = list(x.shape)
    shape[axis] += before + after
    return Spec(tuple(shape), x.dtype)


@verb(_padded, flops=0)
def pad(out: AnyArray, x: AnyArray, *, axis: int, before: int, after: int) -> None:
    """Zeros before and after along one axis: the gradient of `slice_axis`."""
    out[...] = 0
    index: list[Any] = [slice(None)] * x.ndim
    index[axis] = slice(before, out.shape[axis] - after)
    out[tuple(index)] = x
