"""The row of statistics, histograms, norms."""

from __future__ import annotations

from loom_py.executors.axes import Split
from loom_py.executors.webgpu.lower.call import Call, lowers
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
    cut = ranges(x.size)
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
    each = tiling(Split((1, 0, count, after), (before, count * after, after, 1)))
    return reduction(call, flags, call.word(0), each, operation=NOT_ZERO, finished=False)


@lowers("histogram", floats=False)
def histogram(call: Call) -> list[Dispatch] | None:
    (counts,), x = call.outputs, call.input(0)
    if not x.is_float:
        return None
    cut = ranges(x.size)
    if cut.count == 1:
        words = (counts.word, x.word, 0, *cut.words)
        return [dispatch("histogram", *words, groups=cut.groups, constants={"stage": WHOLE})]
    words = (counts.word, x.word, call.scratch(BINS * cut.count), *cut.words)
    return [
        dispatch("histogram", *words, groups=cut.groups, constants={"stage": PARTIAL}),
        dispatch("histogram", *words, groups=(1, 1, 1), constants={"stage": MERGED}),
    ]


def _norm(call: Call, y: int | None) -> list[Dispatch]:
    (out,), x = call.outputs, call.input(0)
    cut, distance = ranges(x.size), int(y is not None)
    parts = call.scratch(3 * cut.count) if cut.count > 1 else 0
    words = (out.word, x.word, y or 0, parts, *cut.words)

    def stage(number: int, groups: tuple[int, int, int]) -> Dispatch:
        return dispatch("norm", *words, groups=groups, constants={"stage": number, "distance": distance})

    if cut.count == 1:
        return [stage(WHOLE, cut.groups)]
    return [stage(PARTIAL, cut.groups), stage(MERGED, (1, 1, 1))]


@lowers("global_norm")
def global_norm(call: Call) -> list[Dispatch]:
    return _norm(call, None)


@lowers("distance")
def distance(call: Call) -> list[Dispatch]:
    return _norm(call, call.word(1))
