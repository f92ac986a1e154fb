"""Lowering of arithmetic on single numbers, such as lengths of updates: consecutive operations become one dispatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from loom_py.executors.webgpu.lower.call import Call, lowers_many
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread

LANES = 64
"""Lanes of a workgroup of kernels/scalars.wgsl."""


class _Row(NamedTuple):
    """out ← a ∘ b, with word offsets and the operation's number in kernels/scalars.wgsl."""

    operation: int
    out: int
    a: int
    b: int


def _made(operation: int) -> Callable[[Call], list[_Row]]:
    """Row of a verb with an output; a single operand is given twice."""
    return lambda call: [_Row(operation, call.outputs[0].word, call.word(0), call.word(len(call.inputs) - 1))]


def _guard(call: Call) -> list[_Row]:
    """Rows of `finite_guard`: whether all are finite, then also within the limit."""
    out, loss, norm, limit = call.outputs[0].word, *(call.word(place) for place in range(3))
    buffers = call.given(3) if len(call.inputs) > 3 else None
    finite = _Row(4, out, loss, norm if buffers is None else buffers.word)
    return [finite, _Row(7, out, norm, limit)]


ROWS: dict[str, Callable[[Call], list[_Row]]] = {
    "add": _made(0),
    "subtract": _made(1),
    "multiply": _made(2),
    "divide": _made(3),
    "finite_guard": _guard,
    "restore_unless": lambda call: [_Row(5, call.word(0), call.word(1), call.word(2))],
    "store": lambda call: [_Row(6, call.word(0), call.word(1), call.word(1))],
    "copy": _made(6),
}
"""Rows of each verb on single numbers."""


@lowers_many(*ROWS, ordered=True, takes=lambda call: all(o.size == 1 for o in call.operands) and not call.attrs)
def scalars(calls: Sequence[Call]) -> list[Dispatch]:
    """One dispatch, with a list for each group of dependent rows."""
    lists = _lists([row for call in calls for row in ROWS[call.verb](call)])
    starts = np.cumsum([0, *map(len, lists)])
    rows = np.array([row for rows in lists for row in rows])
    table = calls[0].table(np.concatenate([starts, rows.reshape(-1)]).astype(np.uint32))
    return [dispatch("scalars", len(lists), table, table + len(starts), groups=spread(len(lists), LANES))]


def _lists(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Independent lists of rows, each in order: a row that writes a word is in the list of all rows that use it."""
    written = {row.out for row in rows}
    lists: list[tuple[set[int], list[_Row]]] = []
    for row in rows:
        touched = written & set(row[1:])
        own = [entry for entry in lists if entry[0] & touched]
        lists = [entry for entry in lists if not entry[0] & touched]
        words = touched.union(*(entry[0] for entry in own))
        lists.append((words, [*(r for entry in own for r in entry[1]), row]))
    return [entry[1] for entry in lists]
