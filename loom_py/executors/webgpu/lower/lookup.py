"""Lowering of embedding lookups and rotary positions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.ops.lookup import ROTARY_BASE, angles
from loom_py.shapes import AnyArray

STRETCH = 1024
"""Ids that one workgroup sorts."""
LONG = 64
"""Most rows of one id that one lane adds; more are added by a workgroup."""
COLUMNS = 64
"""Columns of such a workgroup: enough for contiguous reads, few enough to read several rows at once."""


@lowers("gather", floats=False)
def gather(call: Call) -> list[Dispatch] | None:
    (out,), table, ids = call.outputs, call.input(0), call.input(1)
    if ids.dtype.itemsize != 4 or table.dtype.itemsize != 4:
        return None
    rows = table.shape[0]
    words = (out.size, out.word, table.word, ids.word, rows, table.size // rows)
    return [dispatch("gather", *words, groups=spread(out.size))]


@lowers("scatter_add", knows=("count",), floats=False)
def scatter_add(call: Call) -> list[Dispatch] | None:
    """Sort the ids, then sum the run of each id: O(N log N) work, independent of the table's size."""
    (out,), dy, ids = call.outputs, call.input(0), call.input(1)
    if ids.dtype.itemsize != 4 or not dy.is_float:
        return None
    found = [dispatch("fill", out.size, out.word, 0, groups=spread(out.size))]
    if not dy.size:
        return found
    sorted_ids, sorting = _sorted(call, ids.word, ids.size)
    rows = out.shape[0]
    width = out.size // rows
    words = (ids.size, out.word, dy.word, sorted_ids, rows, width)
    found += [*sorting, dispatch("scatter_short", dy.size, *words, groups=spread(dy.size), constants={"LONG": LONG})]
    if ids.size > LONG:
        columns = min(_power_of_two(width), COLUMNS)
        x, y, _ = spread(ids.size // LONG, 1)
        groups = (x, y, -(-width // columns))
        found.append(dispatch("scatter_long", *words, columns, groups=groups, constants={"LONG": LONG}))
    return found


def _sorted(call: Call, ids: int, count: int) -> tuple[int, list[Dispatch]]:
    """Word offset of the sorted ids, followed by their positions, and the dispatches that sort and merge stretches."""
    before, after = call.scratch(4 * count), 0
    after = before + 2 * count
    width = min(_power_of_two(count), STRETCH)
    found = [dispatch("sort_ids", count, ids, before, width, groups=spread(count, width))]
    while width < count:
        found.append(dispatch("merge_ids", count, before, after, width, groups=spread(count)))
        before, after, width = after, before, 2 * width
    return before, found


def _power_of_two(least: int) -> int:
    return 1 << max(least - 1, 0).bit_length()


@lowers("rotary", knows=("inverse", "base"))
def rotary(call: Call) -> list[Dispatch]:
    (out,), attrs = call.outputs, call.attrs
    time, half = out.shape[-2], out.shape[-1] // 2
    table = call.table(_angles(time, half, attrs.get("base", ROTARY_BASE)))
    direction = -1.0 if attrs.get("inverse") else 1.0
    pairs = out.size // 2
    words = (pairs, out.word, call.word(0), half, time * half, table, direction)
    return [dispatch("rotary", *words, groups=spread(pairs))]


@lru_cache(maxsize=32)
def _angles(time: int, half: int, base: float) -> AnyArray:
    """cos, then sin; the same array for the same angles, so that it is uploaded once."""
    return np.stack(angles(time, half, base, np.dtype(np.float32)))
