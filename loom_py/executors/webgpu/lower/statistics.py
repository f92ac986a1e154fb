"""The row of statistics, histograms, norms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from loom_py.executors.axes import Split
from loom_py.executors.webgpu.lower.call import Call, lowers, lowers_many
from loom_py.executors.webgpu.lower.tiles import NOT_ZERO, ranges, reduction, tiling
from loom_py.executors.webgpu.plan import Dispatch, dispatch
from loom_py.ops.histogram import BINS
from loom_py.shapes import size_of

PARTIAL, MERGED, WHOLE = range(3)
"""Stages of the kernels here: a range into scratch memory, all ranges into the result, or one range into the result."""
STATS_WORDS = 10
"""Of a range in scratch memory."""


@lowers("stats", knows=("unit_axis",), floats=False)
def stats(call: Call) -> list[Dispatch] | None:
    (row,), x, axis = call.outputs, call.input(0), call.attrs.get("unit_axis")
    if not x.is_float:
        return None
    units = (1, 0, 1)
    if axis is not None:
        axis %= len(x.shape)
        units = (size_of(x.shape[:axis]), x.shape[axis], size_of(x.shape[axis + 1 :]))
    cut = ranges(call.grain, x.size)
    if cut.count == 1:
        words = (row.word, x.word, 0, *cut.words, 0, *units)
        return [dispatch("stats", *words, groups=cut.groups, constants={"stage": WHOLE})]
    flags, alive = (call.scratch(units[1]), _alive) if units[1] else (0, None)
    parts = call.scratch(STATS_WORDS * cut.count)
    words = (row.word, x.word, parts, *cut.words, flags, *units)
    return [
        *(alive(call, flags, units) if alive else []),
        dispatch("stats", *words, groups=cut.groups, constants={"stage": PARTIAL}),
        dispatch("stats", *words, groups=(1, 1, 1), constants={"stage": MERGED}),
    ]


def _alive(call: Call, flags: int, units: tuple[int, int, int]) -> list[Dispatch]:
    """How many values of each unit are not 0."""
    before, count, after = units
    each = tiling(call.grain, Split((1, 0, count, after), (before, count * after, after, 1)))
    return reduction(call, flags, call.word(0), each, operation=NOT_ZERO, finished=False)


@lowers("histogram", floats=False)
def histogram(call: Call) -> list[Dispatch] | None:
    (counts,), x = call.outputs, call.input(0)
    if not x.is_float:
        return None
    cut = ranges(call.grain, x.size)
    if cut.count == 1:
        words = (counts.word, x.word, 0, *cut.words)
        return [dispatch("histogram", *words, groups=cut.groups, constants={"stage": WHOLE})]
    words = (counts.word, x.word, call.scratch(BINS * cut.count), *cut.words)
    return [
        dispatch("histogram", *words, groups=cut.groups, constants={"stage": PARTIAL}),
        dispatch("histogram", *words, groups=(1, 1, 1), constants={"stage": MERGED}),
    ]


NONE = 0xFFFFFFFF
"""In place of a second array."""


@lowers_many("global_norm", "distance")
def norms(calls: Sequence[Call]) -> list[Dispatch]:
    """Any number of norms and distances: one dispatch, and one more for the large arrays among them."""
    arrays = [_array(call) for call in calls]
    small, large = [a for a in arrays if a.count == 1], [a for a in arrays if a.count > 1]
    found: list[Dispatch] = []
    if small:
        found.append(_stage(calls[0], small, WHOLE, 1))
    if large:
        found += [_stage(calls[0], large, PARTIAL, max(a.count for a in large)), _stage(calls[0], large, MERGED, 1)]
    return found


@dataclass(frozen=True, slots=True)
class _Array:
    """A row of the table that the kernel reads."""

    out: int
    x: int
    y: int
    parts: int
    size: int
    part: int
    count: int


def _array(call: Call) -> _Array:
    x, y = call.input(0), call.given(1)
    size, part, count = ranges(call.grain, x.size).words
    parts = call.scratch(3 * count) if count > 1 else 0
    return _Array(call.outputs[0].word, x.word, NONE if y is None else y.word, parts, size, part, count)


def _stage(call: Call, arrays: Sequence[_Array], stage: int, across: int) -> Dispatch:
    table = call.table(np.array([astuple(a) for a in arrays], np.uint32))
    return dispatch("norm", table, groups=(across, len(arrays), 1), constants={"stage": stage})
