"""Sliding windows over the last axes of (B,C,…), for convolutions and pools.

Every size, stride, padding and dilation is a tuple with a number per spatial axis. Padding is 0 for `unfold` and never
chosen by `max_pool`. K stands for the axes within a window, P for the axes along which there are windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from loom_py.errors import ShapeError
from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray, Shape, size_of


def window_counts(extents: Shape, size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Shape:
    """Number of windows along each axis: ⌊(extent + 2·padding - dilation·(size - 1) - 1) / stride⌋ + 1.

    Raises:
        ShapeError: not a number for each axis, or not even one window fits.
    """
    if not len(extents) == len(size) == len(stride) == len(padding) == len(dilation):
        raise ShapeError.expected(
            "windows", expected=f"{len(extents)} numbers, one an axis", got=(size, stride, padding)
        )
    spans = tuple(d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True))
    room = tuple(n + 2 * p for n, p in zip(extents, padding, strict=True))
    if any(span > n for span, n in zip(spans, room, strict=True)):
        raise ShapeError.expected("windows", expected=f"at least {spans} values with padding", got=room)
    return tuple((n - span) // s + 1 for n, span, s in zip(room, spans, stride, strict=True))


def _windows(x: Spec, *, size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Spec:
    n, c, *extents = x.shape
    return Spec((c, *size, n, *window_counts(tuple(extents), size, stride, padding, dilation)), x.dtype)


@verb(_windows, flops=0)
def unfold(out: AnyArray, x: AnyArray, *, size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> None:
    """out (C,K,B,P) = every window of x (B,C,…) as a column: "im2col", laid out so that a convolution is one matmul."""
    source = x
    if any(padding):
        source = np.zeros((*x.shape[:2], *(n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True))), x.dtype)
        source[_inside(padding, x.shape[2:])] = x
    batch, channel, *steps = source.strides
    within = (s * d for s, d in zip(steps, dilation, strict=True))
    along = (s * d for s, d in zip(steps, stride, strict=True))
    np.copyto(out, as_strided(source, out.shape, (channel, *within, batch, *along), writeable=False))


def _inside(padding: Shape, extents: Shape) -> tuple[slice, ...]:
    """Index of an array in its padded copy, batch and channel axes first."""
    return (slice(None), slice(None), *(slice(p, p + n) for p, n in zip(padding, extents, strict=True)))


def _folded(columns: Spec, *, shape: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Spec:
    axes = len(shape)
    c, *size = columns.shape[: 1 + axes]
    n, *counts = columns.shape[1 + axes :]
    fit = window_counts(shape, tuple(size), stride, padding, dilation)
    if fit != tuple(counts):
        raise ShapeError.expected("fold", expected=f"{fit} windows along {shape}", got=tuple(counts))
    return Spec((n, c, *shape), columns.dtype)


@verb(_folded, flops=lambda i, o, a: i[0].size)
def fold(out: AnyArray, columns: AnyArray, *, shape: Shape, stride: Shape, padding: Shape, dilation: Shape) -> None:
    """out (B,C,…) = columns (C,K,B,P) put back, summed where windows overlap: the transpose of `unfold`."""
    size, counts = columns.shape[1 : 1 + len(shape)], columns.shape[2 + len(shape) :]
    target = out
    if any(padding):
        target = np.empty((*out.shape[:2], *(n + 2 * p for n, p in zip(shape, padding, strict=True))), out.dtype)
    target.fill(0)
    for place in np.ndindex(*size):
        start = [i * d for i, d in zip(place, dilation, strict=True)]
        strip = [slice(i, i + s * (n - 1) + 1, s) for i, s, n in zip(start, stride, counts, strict=True)]
        target[(slice(None), slice(None), *strip)] += columns[(slice(None), *place)].swapaxes(0, 1)
    if target is not out:
        np.copyto(out, target[_inside(padding, shape)])


def _pooled(x: Spec, *, size: Shape, stride: Shape, padding: Shape) -> tuple[Spec, Spec]:
    counts = window_counts(x.shape[2:], size, stride, padding, (1,) * len(size))
    shape = (*x.shape[:2], *counts)
    return Spec(shape, x.dtype), Spec(shape, np.dtype(np.int32))


def _overlaps(
    extents: Shape, counts: Shape, size: Shape, stride: Shape, padding: Shape
) -> Iterator[tuple[int, tuple[slice, ...], tuple[slice, ...]]]:
    """For each place of a window: its number, the windows where it is no padding, and its values in them."""
    for number, place in enumerate(np.ndindex(*size)):
        chosen, met = [slice(None)] * 2, [slice(None)] * 2
        for n, count, s, p, i in zip(extents, counts, stride, padding, place, strict=True):
            first = max(-(-(p - i) // s), 0)
            last = min((n - 1 + p - i) // s, count - 1)
            chosen.append(slice(first, max(last + 1, first)))
            met.append(slice(first * s - p + i, max(last * s - p + i + 1, first * s - p + i), s))
        yield number, tuple(chosen), tuple(met)


@verb(_pooled, flops=lambda i, o, a: size_of(a["size"]) * o[0].size)
def max_pool(y: AnyArray, index: AnyArray, x: AnyArray, *, size: Shape, stride: Shape, padding: Shape) -> None:
    """y = the largest value of each window of x, index = its place in the window (row-major), the first of equal ones.

    NaN counts as largest, so that it propagates.
    """
    y.fill(-np.inf)
    index.fill(-1)
    for number, chosen, met in _overlaps(x.shape[2:], y.shape[2:], size, stride, padding):
        value, best, place = x[met], y[chosen], index[chosen]
        better = value > best
        better |= place < 0
        better |= np.isnan(value)
        np.copyto(best, value, where=better)
        np.copyto(place, number, where=better)


def _unpooled(dy: Spec, _index: Spec, *, shape: Shape, **_attrs: Any) -> Spec:
    return Spec((*dy.shape[:2], *shape), dy.dtype)


@verb(_unpooled, flops=lambda i, o, a: i[0].size)
def max_pool_gradient(
    dx: AnyArray, dy: AnyArray, index: AnyArray, *, shape: Shape, size: Shape, stride: Shape, padding: Shape
) -> None:
    """dx (B,C,…) = dy, added at the place of each window's largest value; 0 elsewhere."""
    dx.fill(0)
    for number, chosen, met in _overlaps(shape, dy.shape[2:], size, stride, padding):
        dx[met] += np.where(index[chosen] == number, dy[chosen], 0)
