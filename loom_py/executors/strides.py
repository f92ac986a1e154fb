"""Strides, and merging of axes so that kernels loop over as few as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from loom_py.ops.chain import MOST_AXES
from loom_py.ops.verb import normal_axes
from loom_py.shapes import Shape, size_of


class Contiguous:
    """Properties of a contiguous array in row-major order."""

    __slots__ = ()
    shape: Shape
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Number of elements."""
        return size_of(self.shape)

    @property
    def strides(self) -> tuple[int, ...]:
        """Elements from one index to the next, along each axis."""
        found, step = [], 1
        for extent in reversed(self.shape):
            found.append(step)
            step *= extent
        return tuple(reversed(found))

    @property
    def is_float(self) -> bool:
        """Whether it is of float32, the kernels' type."""
        return self.dtype == np.float32


LOOPS = MOST_AXES
"""Axes that elementwise and moving kernels loop over."""
LEAST_TRANSPOSED = 4
"""Extent from which both axes of a transposition are worth a kernel of its own."""


def stretched(shape: Shape, strides: Sequence[int], to: Shape) -> tuple[int, ...]:
    """Strides that read an array as broadcast to another shape."""
    lead = len(to) - len(shape)
    return (0,) * lead + tuple(0 if n == 1 else s for n, s in zip(shape, strides, strict=True))


def merged(shape: Shape, *strides: Sequence[int]) -> tuple[list[int], list[list[int]]] | None:
    """Extents and strides of LOOPS axes, neighbours merged where all arrays allow it; None if more remain."""
    extents: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, extent in enumerate(shape):
        if extent == 1:
            continue
        here = [s[axis] for s in strides]
        if extents and all(step[-1] == h * extent for step, h in zip(steps, here, strict=True)):
            extents[-1] *= extent
            for step, h in zip(steps, here, strict=True):
                step[-1] = h
        else:
            extents.append(extent)
            for step, h in zip(steps, here, strict=True):
                step.append(h)
    if len(extents) > LOOPS:
        return None
    lead = LOOPS - len(extents)
    return [1] * lead + extents, [[0] * lead + step for step in steps]


class Split(NamedTuple):
    """Extents and strides of two kept axes and of two reduced ones."""

    kept: tuple[int, int, int, int]
    reduced: tuple[int, int, int, int]

    @property
    def words(self) -> tuple[int, ...]:
        """All numbers, as the kernels read them."""
        return (*self.kept, *self.reduced)


def split(shape: Shape, axes: int | Sequence[int]) -> Split | None:
    """Kept and reduced axes, with neighbours of a kind merged; None if more than two of a kind remain."""
    gone = normal_axes(axes, len(shape))
    groups: list[tuple[bool, int, int]] = []  # reduced?, extent, stride
    stride = 1
    for axis in reversed(range(len(shape))):
        extent = shape[axis]
        if extent > 1:
            reduced = axis in gone
            if groups and groups[-1][0] == reduced:
                _, before, step = groups[-1]
                groups[-1] = reduced, before * extent, step
            else:
                groups.append((reduced, extent, stride))
        stride *= extent
    kept = [(n, s) for reduced, n, s in reversed(groups) if not reduced]
    summed = [(n, s) for reduced, n, s in reversed(groups) if reduced]
    if len(kept) > 2 or len(summed) > 2:
        return None
    if not groups or not groups[0][0]:  # the innermost axis is kept: its stride is 1
        summed = [(1, 0)] * (2 - len(summed)) + summed
    else:
        summed = [(1, 0)] * (2 - len(summed)) + summed
    kept = [(1, 0)] * (2 - len(kept)) + kept
    (a, b), (c, d) = kept
    (e, f), (g, h) = summed
    return Split((a, b, c, d), (e, f, g, h))


class StridedCopy(NamedTuple):
    """A copy out[i·to] = x[i·source] over LOOPS axes; strides in words of 32 bits."""

    extents: list[int]
    to: list[int]
    source: list[int]

    @property
    def transposed(self) -> tuple[int, list[int]] | None:
        """For a transposition of matrices: the axis that is contiguous in x, and the up to three outer axes.

        The last axis is contiguous in `out`. None for any other copy, or one too narrow for a transposition to pay.
        """
        if self.to[-1] != 1 or self.source[-1] <= 1 or 1 not in self.source:
            return None
        row = len(self.source) - 1 - self.source[::-1].index(1)
        others = [a for a in range(len(self.source) - 1) if a != row and self.extents[a] > 1]
        if len(others) > 3 or self.extents[row] < LEAST_TRANSPOSED or self.extents[-1] < LEAST_TRANSPOSED:
            return None
        return row, others

    def outer(self, others: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
        """Extents and strides of three outer axes: `others`, after missing ones of extent 1."""
        lead = 3 - len(others)
        extents = [1] * lead + [self.extents[a] for a in others]
        to, source = ([0] * lead + [s[a] for a in others] for s in (self.to, self.source))
        return extents, to, source


def strided_copy(to: Sequence[int], source: Sequence[int], shape: Shape, words: int) -> StridedCopy | None:
    """A copy between strides in elements of `words` words each; None where more than LOOPS axes remain."""
    if words > 1:
        shape, to, source = (*shape, words), [s * words for s in to] + [1], [s * words for s in source] + [1]
    loops = merged(shape, to, source)
    return None if loops is None else StridedCopy(loops[0], *loops[1])
