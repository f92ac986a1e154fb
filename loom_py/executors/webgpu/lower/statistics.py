"""Lowering of statistics, histograms and norms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from loom_py.executors.strides import Split
from loom_py.executors.webgpu.lower.call import Call, Row, lowers, lowers_many
from loom_py.executors.webgpu.lower.reduction_tiling import ranges, tiling
from loom_py.executors.webgpu.plan import Dispatch, dispatch
from loom_py.ops.histogram import BINS
from loom_py.shapes import AnyArray, size_of

PARTIAL, MERGED, WHOLE = range(3)
"""Stages of the kernels: ranges to partial results, partial results to the result, or both for a single range."""
STATS_WORDS = 12
"""Words of the partial statistics of a workgroup of kernels/stats.wgsl."""


@lowers("stats", knows=("unit_axis",), floats=False)
def stats(call: Call) -> list[Dispatch] | None:
    """One dispatch; another, shared by all rows, merges the partial statistics of several workgroups."""
    (out,), x, axis = call.outputs, call.input(0), call.attrs.get("unit_axis")
    if not x.is_float:
        return None
    units, axes = 0, Split((1, 0, 1, 0), (1, 0, x.size, 1))
    if axis is not None and x.size:
        axis %= len(x.shape)
        before, units, after = size_of(x.shape[:axis]), x.shape[axis], size_of(x.shape[axis + 1 :])
        each = (1, 0, before, units) if after == 1 else (before, units * after, after, 1)
        axes = Split((1, 0, units, after), each)
    shared = tiling(call.profile, axes, empty=not x.size)
    count, parted = shared.tiles * shared.parts, units and shared.parts > 1
    zeros = _own(call, shared.parts * units) if parted else 0
    target = out.word if count == 1 else _own(call, count * STATS_WORDS)
    words = (target, x.word, zeros, x.size, units, *shared.words)
    looked = dispatch("stats", *words, groups=shared.groups, constants={"rows": int(shared.rows)})
    if count == 1:
        return [looked]
    return [looked, *call.later(_merged, (out.word, x.size, target, count, zeros, units, shared.parts))]


def _own(call: Call, words: int) -> int:
    """Memory of the plan's own, not scratch."""
    return call.table(np.zeros(words, np.uint32))


def _merged(table: Callable[[AnyArray], int], rows: Sequence[Row]) -> list[Dispatch]:
    return [dispatch("stats_merge", table(np.array(rows, np.uint32)), groups=(len(rows), 1, 1))]


@lowers("histogram", floats=False)
def histogram(call: Call) -> list[Dispatch] | None:
    (counts,), x = call.outputs, call.input(0)
    if not x.is_float:
        return None
    cut = ranges(call.profile, x.size)
    if cut.count == 1:
        words = (counts.word, x.word, 0, *cut.words)
        return [dispatch("histogram", *words, groups=cut.groups, constants={"stage": WHOLE})]
    words = (counts.word, x.word, call.scratch(BINS * cut.count), *cut.words)
    return [
        dispatch("histogram", *words, groups=cut.groups, constants={"stage": PARTIAL}),
        dispatch("histogram", *words, groups=(1, 1, 1), constants={"stage": MERGED}),
    ]


NONE = 0xFFFFFFFF
"""Word offset of a missing second array."""


@lowers_many("global_norm", "distance")
def norms(calls: Sequence[Call]) -> list[Dispatch]:
    """Any number of norms and distances: one dispatch, and one more for large arrays."""
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
    size, part, count = ranges(call.profile, x.size).words
    parts = call.scratch(3 * count) if count > 1 else 0
    return _Array(call.outputs[0].word, x.word, NONE if y is None else y.word, parts, size, part, count)


def _stage(call: Call, arrays: Sequence[_Array], stage: int, across: int) -> Dispatch:
    table = call.table(np.array([astuple(a) for a in arrays], np.uint32))
    return dispatch("l2_norm", table, groups=(across, len(arrays), 1), constants={"stage": stage})
