"""The numbers of LayerStats, made of what runs leave: of many runs at once, by places that were looked up once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loom_py.layer_run import NUMBERS
from loom_py.network.reading import Index, Passed, spans_of
from loom_py.ops import STAT_FIELDS
from loom_py.shapes import AnyArray

_NAN, _PLUS, _MINUS, _ZEROS, _MIN, _MAX, _MEAN, _STD, _NORM, _DEAD = range(1, 11)
assert STAT_FIELDS[_NAN] == "nan" and STAT_FIELDS[_DEAD] == "dead_units"
_KINDS = ("weight", "bias", "gradient", "update", "before")
_AT = {name: place for place, name in enumerate(NUMBERS)}


class Figures:
    """How NUMBERS are made for some passes of a Program.

    Attributes:
        measured: which of them are measured at all, (passes, numbers).
    """

    def __init__(self, index: Index, passes: Sequence[Passed]) -> None:
        count = len(passes)
        self._shape = count, len(NUMBERS)
        norms = [
            (row * len(_KINDS) + column, [index.singles[o] for o in passed.norms[kind]])
            for row, passed in enumerate(passes)
            for column, kind in enumerate(_KINDS)
            if kind in passed.norms
        ]
        self._norms = _Sums(norms)
        self._spans = _Sums([(row, spans) for row, spans in enumerate(spans_of(index.program, passes)) if spans])
        self._rows = _row_places([index.rows[p.parts["output"]] for p in passes])
        arriving = {row: index.rows[p.parts["input_gradient"]] for row, p in enumerate(passes) if _arrives(p)}
        self._arriving, self._arriving_rows = np.array([*arriving], np.intp), _row_places([*arriving.values()])
        self.measured = np.ones(self._shape, bool)
        for row, passed in enumerate(passes):
            for name, kind in zip(NUMBERS, ("weight", "bias", "gradient"), strict=False):
                self.measured[row, _AT[name]] = kind in passed.norms
            self.measured[row, _AT["update_ratio"]] = "update" in passed.norms
            self.measured[row, _AT["input_gradient_norm"]] = row in arriving

    def table(self, words: AnyArray, times: AnyArray | None) -> AnyArray:
        """NUMBERS of every pass from the words (runs, …) and span times (runs, …): (runs, passes, numbers)."""
        runs, (count, _) = len(words), self._shape
        table = np.full((runs, *self._shape), np.nan)
        with np.errstate(all="ignore"):  # what is not finite has been counted
            squares = np.square(words.view(np.float32), dtype=np.float64)
            norms = np.sqrt(self._norms.of(squares, count * len(_KINDS))).reshape(runs, count, len(_KINDS))
            table[:, :, :3] = norms[:, :, :3]
            table[:, :, _AT["update_ratio"]] = update_ratio(norms[:, :, 3], norms[:, :, 4])
            doubles = words.view(np.float64)
            if len(self._arriving):
                table[:, self._arriving, _AT["input_gradient_norm"]] = _honest_norm(doubles[:, self._arriving_rows])
            rows = doubles[:, self._rows]
            first = _AT["output_min"]
            table[:, :, first : first + 4] = rows[:, :, _MIN : _STD + 1]
            table[:, :, _AT["zero_fraction"]] = rows[:, :, _ZEROS] / np.maximum(rows[:, :, 0], 1)
            table[:, :, _AT["dead_units"]] = rows[:, :, _DEAD]
            table[:, :, _AT["nan_count"]] = rows[:, :, _NAN]
            table[:, :, _AT["inf_count"]] = rows[:, :, _PLUS] + rows[:, :, _MINUS]
        if times is not None:
            table[:, :, _AT["compute_time_ns"]] = self._spans.of(times, count)
        return table


class _Sums:
    """Sums of some columns each: which go where."""

    def __init__(self, groups: Sequence[tuple[int, Sequence[int]]]) -> None:
        sizes = [len(places) for _, places in groups]
        self._targets = np.array([target for target, _ in groups], np.intp)
        self._places = np.array([place for _, places in groups for place in places], np.intp)
        self._starts = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, np.intp)

    def of(self, values: AnyArray, width: int) -> AnyArray:
        """The sums for each row of `values`, in `width` columns; NaN where there is nothing to add."""
        found = np.full((len(values), width), np.nan)
        if len(self._places):
            found[:, self._targets] = np.add.reduceat(values[:, self._places], self._starts, axis=1)
        return found


def update_ratio(moved: AnyArray, norm: AnyArray) -> AnyArray:
    """‖update‖ / ‖weights before it‖; 0 where nothing moved, infinite where weights of 0 were moved."""
    return np.where(moved == 0, 0.0, np.where(norm == 0, moved * np.inf, moved / norm))


def _honest_norm(rows: AnyArray) -> AnyArray:
    """The norms of rows, NaN or infinite where the array holds such: a gradient that broke must not read as small."""
    infinite = np.where(rows[:, :, _PLUS] + rows[:, :, _MINUS] > 0, np.inf, rows[:, :, _NORM])
    return np.where(rows[:, :, _NAN] > 0, np.nan, infinite)


def _row_places(starts: Sequence[int]) -> AnyArray:
    return np.add.outer(np.array(starts, np.intp), np.arange(len(STAT_FIELDS)))


def _arrives(passed: Passed) -> bool:
    return "input_gradient" in passed.parts
