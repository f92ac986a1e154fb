"""The numbers of LayerStats, made of what runs leave: of many runs at once, by places that were looked up once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from loom_py.layer_run import NUMBERS
from loom_py.ops import STAT_FIELDS
from loom_py.shapes import AnyArray
from loom_py.telemetry.observations import Index, Passed, spans_of

_NAN, _PLUS, _MINUS, _ZEROS, _MIN, _MAX, _MEAN, _STD, _NORM, _DEAD = range(1, 11)
assert STAT_FIELDS[_NAN] == "nan" and STAT_FIELDS[_DEAD] == "dead_units"
_FIELDS = (
    ("output_min", _MIN),
    ("output_max", _MAX),
    ("output_mean", _MEAN),
    ("output_std", _STD),
    ("zero_fraction", _ZEROS),
    ("dead_units", _DEAD),
    ("nan_count", _NAN),
    ("inf_count", _PLUS),
)
_NORMS = {"weight": "weight_norm", "bias": "bias_norm", "gradient": "gradient_norm"}


class Figures:
    """How NUMBERS are made for some passes of a Program.

    A table of many runs takes little longer than that of one: what is looked up here is where everything goes.

    Attributes:
        measured: which of them are measured at all, (passes, numbers).
    """

    def __init__(self, index: Index, passes: Sequence[Passed]) -> None:
        self._shape = len(passes), len(NUMBERS)
        arriving = {row: index.rows[p.parts["input_gradient"]] for row, p in enumerate(passes) if _arrives(p)}
        rows = [index.rows[p.parts["output"]] for p in passes]
        taken = [(self._at(row, name), first + field) for row, first in enumerate(rows) for name, field in _FIELDS]
        taken += [(self._at(row, "input_gradient_norm"), first + _NORM) for row, first in arriving.items()]
        self._targets, self._places = _pairs(taken)
        self._zeros, self._counts = _pairs([(self._at(row, "zero_fraction"), first) for row, first in enumerate(rows)])
        self._infinite, self._minus = _pairs(
            [(self._at(r, "inf_count"), first + _MINUS) for r, first in enumerate(rows)]
        )
        self._arriving, starts = _pairs([(self._at(r, "input_gradient_norm"), first) for r, first in arriving.items()])
        self._arriving_bad = np.add.outer(starts, [_NAN, _PLUS, _MINUS])
        self._norms = _Sums(_norm_places(index, passes, _NORMS, self._at))
        self._moved = _Sums(_norm_places(index, passes, {"update": "update_ratio"}, self._at))
        self._before = _Sums(_norm_places(index, passes, {"before": "update_ratio"}, self._at))
        spans = spans_of(index.program, passes)
        self._spans = _Sums([(self._at(row, "compute_time_ns"), found) for row, found in enumerate(spans) if found])
        self.measured = np.zeros(self._shape, bool)
        for targets in (self._targets, self._norms.targets, self._moved.targets, self._spans.targets):
            self.measured.reshape(-1)[targets] = True

    def table(self, words: AnyArray, times: AnyArray | None) -> AnyArray:
        """NUMBERS of every pass from the words (runs, …) and span times (runs, …): (runs, passes, numbers)."""
        doubles, floats = words.view(np.float64), words.view(np.float32)
        table = np.full((len(words), self.measured.size), np.nan)
        with np.errstate(all="ignore"):  # what is not finite has been counted
            table[:, self._targets] = doubles[:, self._places]
            table[:, self._zeros] /= np.maximum(doubles[:, self._counts], 1)
            table[:, self._infinite] += doubles[:, self._minus]
            bad = doubles[:, self._arriving_bad]
            if bad.any():
                table[:, self._arriving] = _honest_norm(table[:, self._arriving], bad)
            table[:, self._norms.targets] = self._norms.roots(floats)
            if len(self._moved.targets):
                table[:, self._moved.targets] = update_ratio(self._moved.roots(floats), self._before.roots(floats))
        if times is not None and len(self._spans.targets):
            table[:, self._spans.targets] = self._spans.of(times)
        return table.reshape(-1, *self._shape)

    @staticmethod
    def _at(row: int, name: str) -> int:
        return row * len(NUMBERS) + NUMBERS.index(name)


class _Sums:
    """Sums of some columns each, and where they go."""

    def __init__(self, groups: Sequence[tuple[int, Sequence[int]]]) -> None:
        sizes = [len(places) for _, places in groups]
        self.targets = np.array([target for target, _ in groups], np.intp)
        self._places = np.array([place for _, places in groups for place in places], np.intp)
        self._starts = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, np.intp)

    def of(self, values: AnyArray) -> AnyArray:
        """The sums for each row of `values`."""
        found = values[:, self._places]
        return np.add.reduceat(found, self._starts, axis=1) if len(self._starts) < len(self._places) else found

    def roots(self, norms: AnyArray) -> AnyArray:
        """√Σ norm² in float64, for each row of float32 norms."""
        found: AnyArray = norms[:, self._places].astype(np.float64)
        if len(self._starts) == len(self._places):
            return found
        sums: AnyArray = np.add.reduceat(found * found, self._starts, axis=1)
        return np.sqrt(sums, out=sums)


def update_ratio(moved: AnyArray, norm: AnyArray) -> AnyArray:
    """‖update‖ / ‖weights before it‖; 0 where nothing moved, infinite where weights of 0 were moved."""
    return np.where(moved == 0, 0.0, np.where(norm == 0, moved * np.inf, moved / norm))


def _honest_norm(norms: AnyArray, bad: AnyArray) -> AnyArray:
    """Norms, NaN or infinite where the array holds such: a gradient that broke must not read as small."""
    infinite = np.where(bad[:, :, 1] + bad[:, :, 2] > 0, np.inf, norms)
    return np.where(bad[:, :, 0] > 0, np.nan, infinite)


def _norm_places(
    index: Index, passes: Sequence[Passed], names: Mapping[str, str], at: Callable[[int, str], int]
) -> list[tuple[int, list[int]]]:
    """Where the norms of these kinds go, and the places of what they are made of."""
    return [
        (at(row, name), [index.singles[observation] for observation in passed.norms[kind]])
        for row, passed in enumerate(passes)
        for kind, name in names.items()
        if kind in passed.norms
    ]


def _pairs(pairs: Sequence[tuple[int, int]]) -> tuple[AnyArray, AnyArray]:
    both = np.array(pairs, np.intp).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _arrives(passed: Passed) -> bool:
    return "input_gradient" in passed.parts
