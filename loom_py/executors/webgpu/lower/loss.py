"""Lowering of loss heads and of the count of correct answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loom_py.executors.webgpu.lower.call import Call, Operand, lowers
from loom_py.executors.webgpu.lower.reduction_tiling import SUM, SUM_OF_COUNTS, columns, ranges, reduction
from loom_py.executors.webgpu.lower.softmax import rows_of
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread

HEADS = (
    "squared_error",
    "absolute_error",
    "huber_error",
    "binary_cross_entropy_logits",
    "binary_cross_entropy_probabilities",
)
"""Heads in the order of their numbers in kernels/loss.wgsl."""
MOST_GROUPS = 4096
"""Most workgroups over rows; with more rows each takes several."""


def _elementwise(number: int, name: str) -> None:
    @lowers(name, knows=("delta",))
    def head(call: Call) -> list[Dispatch]:
        (loss, dx), size = call.outputs, call.outputs[1].size
        cut = ranges(call.profile, size)
        sums = loss.word if cut.count == 1 else call.scratch(cut.count)
        delta = float(call.attrs.get("delta", 1.0))
        words = (sums, dx.word, call.word(0), call.word(1), delta, float(size), *cut.words)
        first = dispatch("loss", *words, groups=cut.groups, constants={"head": number})
        return [first, *_summed(call, sums, cut.count, loss)]


for _number, _name in enumerate(HEADS):
    _elementwise(_number, _name)


def _summed(call: Call, parts: int, count: int, out: Operand, operation: int = SUM) -> list[Dispatch]:
    """Dispatches that add up the partial sums of several workgroups."""
    return reduction(call, out.word, parts, columns(call.profile, 1, count), operation=operation) if count > 1 else []


def _labelled(target: Operand) -> bool | None:
    """Whether a target holds labels; None for an unsupported type."""
    return {np.dtype(np.int32): True, np.dtype(np.float32): False}.get(target.dtype)


@dataclass(frozen=True, slots=True)
class _Target:
    """Target of a cross-entropy: dispatches that must come first, words and constants for the kernels."""

    before: list[Dispatch]
    words: tuple[float, ...]
    constants: dict[str, float]


def _target(call: Call) -> _Target | None:
    (loss, _), x, target, weights = call.outputs, call.input(0), call.input(1), call.given(2)
    labelled, ignore, smoothing = _labelled(target), call.attrs.get("ignore"), call.attrs.get("smoothing", 0.0)
    if labelled is None or not (loss.is_float and x.is_float and (weights is None or weights.is_float)):
        return None
    classes = x.shape[-1]
    rows = x.size // max(classes, 1)
    at, ignores = 0 if weights is None else weights.word, labelled and ignore is not None
    constants: dict[str, float] = {"weighted": int(weights is not None), "ignores": int(ignores)}
    before, divisor = [], 0
    if ignores or (labelled and weights is not None):  # the divisor depends on the labels, which only the device has
        divisor = call.scratch(1)
        given = (divisor, target.word, at, rows, classes, ignore or 0)
        before = [dispatch("loss_divisor", *given, groups=(1, 1, 1), constants=constants)]
    words = (target.word, at, divisor, float(max(rows, 1)), 1.0 - smoothing, smoothing / max(classes, 1), ignore or 0)
    return _Target(before, words, constants | {"labelled": int(labelled), "divided": int(bool(before))})


@dataclass(frozen=True, slots=True)
class _Rows:
    """Division of rows: `count` workgroups; every `along` lanes take `passes` rows."""

    along: int
    passes: int
    count: int


def _rows(call: Call, x: Operand) -> _Rows:
    rows, _, along = rows_of(call.profile, x.shape)
    groups = max(-(-rows * along // call.profile.workgroup), 1)
    passes = groups if x.size <= call.profile.one_group else -(-groups // MOST_GROUPS)
    return _Rows(along, passes, -(-groups // passes))


@lowers("cross_entropy_logits", knows=("smoothing", "ignore"), floats=False)
def cross_entropy_logits(call: Call) -> list[Dispatch] | None:
    (loss, dx), x, target = call.outputs, call.input(0), _target(call)
    if target is None:
        return None
    shared, (rows, width, _) = _rows(call, x), rows_of(call.profile, x.shape)
    sums = loss.word if shared.count == 1 else call.scratch(shared.count)
    words = (sums, dx.word, x.word, *target.words, rows, width, shared.along, shared.passes, shared.count)
    groups = spread(shared.count, 1)
    first = dispatch("cross_entropy_logits", *words, groups=groups, constants=target.constants)
    return [*target.before, first, *_summed(call, sums, shared.count, loss)]


@lowers("cross_entropy_probabilities", knows=("smoothing", "ignore"), floats=False)
def cross_entropy_probabilities(call: Call) -> list[Dispatch] | None:
    (loss, dx), x, target = call.outputs, call.input(0), _target(call)
    if target is None:
        return None
    cut = ranges(call.profile, x.size)
    sums = loss.word if cut.count == 1 else call.scratch(cut.count)
    words = (sums, dx.word, x.word, *target.words, x.shape[-1], *cut.words)
    first = dispatch("cross_entropy_probabilities", *words, groups=cut.groups, constants=target.constants)
    return [*target.before, first, *_summed(call, sums, cut.count, loss)]


@lowers("correct_count", knows=("ignore",), floats=False)
def correct_count(call: Call) -> list[Dispatch] | None:
    (out,), x, target = call.outputs, call.input(0), call.input(1)
    labelled = _labelled(target)
    if labelled is None or not x.is_float:
        return None
    shared, (rows, width, _) = _rows(call, x), rows_of(call.profile, x.shape)
    one = shared.count == 1
    counts = out.word if one else call.scratch(shared.count)
    ignore = call.attrs.get("ignore")
    ignored = ignore if labelled and ignore is not None else -1  # no index is -1
    words = (counts, x.word, target.word, rows, width, shared.along, shared.passes, shared.count, ignored)
    constants = {"labelled": int(labelled), "finished": int(one)}
    first = dispatch("correct_count", *words, groups=spread(shared.count, 1), constants=constants)
    return [first, *_summed(call, counts, shared.count, out, SUM_OF_COUNTS)]
