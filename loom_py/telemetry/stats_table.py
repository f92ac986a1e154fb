"""The statistics of many runs at once, as one table made from what their Programs leave.

Places are looked up once for a Program: with them a table of many runs takes little longer than that of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from loom_py.ops import STAT_FIELDS
from loom_py.shapes import AnyArray
from loom_py.telemetry.observations import LayerPass, ObservationIndex, spans_of
from loom_py.telemetry.statistics import LAYER_NUMBERS, LAYER_STATISTICS, FromNorms, FromRow, FromSpans

_COUNT = STAT_FIELDS.index("count")
_NON_FINITE = [STAT_FIELDS.index(name) for name in ("nan", "positive_inf", "negative_inf")]

Group = tuple[int, Sequence[int]]
"""Target in the flat table, and the places whose values make it."""


class StatsTable:
    """LAYER_STATISTICS of some passes of a Program.

    Attributes:
        measured: which of them are measured at all, (passes, statistics).
    """

    def __init__(self, index: ObservationIndex, passes: Sequence[LayerPass]) -> None:
        self._shape = len(passes), len(LAYER_NUMBERS)
        rows = list(_row_groups(index, passes))
        copied = [(target, places[0]) for _, target, _, places in rows if len(places) == 1]
        self._copied, self._copied_from = _pairs(copied)
        self._added = _Sums([(target, places) for _, target, _, places in rows if len(places) > 1])
        self._shares, self._elements = _pairs([(target, row + _COUNT) for s, target, row, _ in rows if s.share])
        self._honest, starts = _pairs([(target, row) for s, target, row, _ in rows if not s.finite_only])
        self._non_finite = np.add.outer(starts, _NON_FINITE)
        self._norms = _Sums(_norm_groups(index, passes, ratios=False))
        self._moved = _Sums(_norm_groups(index, passes, ratios=True))
        self._before = _Sums(_norm_groups(index, passes, ratios=True, denominators=True))
        self._spans = _Sums(_span_groups(index, passes))
        self._empty = np.array(list(_empty_norms(passes)), np.intp)
        self.measured = np.zeros(self._shape, bool)
        for sums in (self._added, self._norms, self._moved, self._spans):
            self.measured.reshape(-1)[sums.targets] = True
        for targets in (self._copied, self._empty):
            self.measured.reshape(-1)[targets] = True

    def table(self, words: AnyArray, times: AnyArray | None) -> AnyArray:
        """LAYER_STATISTICS of every pass from the words (runs, …) and span times (runs, …): (runs, passes, statistics).

        NaN where nothing was measured.
        """
        doubles, floats = words.view(np.float64), words.view(np.float32)
        table = np.full((len(words), self.measured.size), np.nan)
        table[:, self._empty] = 0.0
        with np.errstate(all="ignore"):  # non-finite values have been counted
            table[:, self._copied] = doubles[:, self._copied_from]
            table[:, self._added.targets] = self._added.of(doubles)
            table[:, self._shares] /= np.maximum(doubles[:, self._elements], 1)
            non_finite = doubles[:, self._non_finite]
            if non_finite.any():
                table[:, self._honest] = _honest_norm(table[:, self._honest], non_finite)
            table[:, self._norms.targets] = self._norms.roots(floats)
            if len(self._moved.targets):
                table[:, self._moved.targets] = update_ratio(self._moved.roots(floats), self._before.roots(floats))
        if times is not None and len(self._spans.targets):
            table[:, self._spans.targets] = self._spans.of(times)
        return table.reshape(-1, *self._shape)


class _Sums:
    """Sums of groups of columns, and their targets."""

    def __init__(self, groups: Sequence[Group]) -> None:
        sizes = [len(places) for _, places in groups]
        self.targets = np.array([target for target, _ in groups], np.intp)
        self._places = np.array([place for _, places in groups for place in places], np.intp)
        self._starts = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, np.intp)

    def of(self, values: AnyArray) -> AnyArray:
        """Sums for each row of `values`."""
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


def _honest_norm(norms: AnyArray, non_finite: AnyArray) -> AnyArray:
    """Norms, NaN or infinite where the array has such values: a broken gradient must not read as small."""
    infinite = np.where(non_finite[:, :, 1] + non_finite[:, :, 2] > 0, np.inf, norms)
    return np.where(non_finite[:, :, 0] > 0, np.nan, infinite)


def _row_groups(
    index: ObservationIndex, passes: Sequence[LayerPass]
) -> Iterator[tuple[FromRow, int, int, Sequence[int]]]:
    """Numbers from `stats` rows: source, target, place of the row, places of the fields."""
    for number, layer_pass in enumerate(passes):
        for column, statistic in enumerate(LAYER_STATISTICS):
            source = statistic.source
            if isinstance(source, FromRow) and source.array in layer_pass.parts:
                row = index.rows[layer_pass.parts[source.array]]
                places = [row + STAT_FIELDS.index(name) for name in source.fields]
                yield source, _target(number, column), row, places


def _norm_groups(
    index: ObservationIndex, passes: Sequence[LayerPass], *, ratios: bool, denominators: bool = False
) -> list[Group]:
    """Numbers from norms, either plain or ratios; of ratios the numerators, or the denominators."""
    return [
        (_target(number, column), [index.singles[observation] for observation in layer_pass.norms[kind]])
        for number, layer_pass in enumerate(passes)
        for column, statistic in enumerate(LAYER_STATISTICS)
        if isinstance(source := statistic.source, FromNorms) and (source.over is not None) == ratios
        if (kind := source.over if denominators and source.over else source.norms) in layer_pass.norms
    ]


def _empty_norms(passes: Sequence[LayerPass]) -> Iterator[int]:
    """Targets of norms over no parameters at all."""
    for number, layer_pass in enumerate(passes):
        for column, statistic in enumerate(LAYER_STATISTICS):
            if isinstance(source := statistic.source, FromNorms) and source.norms in layer_pass.empty:
                yield _target(number, column)


def _span_groups(index: ObservationIndex, passes: Sequence[LayerPass]) -> list[Group]:
    """Numbers from the times of spans."""
    columns = [column for column, s in enumerate(LAYER_STATISTICS) if isinstance(s.source, FromSpans)]
    spans = spans_of(index.program, passes)
    return [(_target(number, c), found) for number, found in enumerate(spans) if found for c in columns]


def _target(number: int, column: int) -> int:
    return number * len(LAYER_NUMBERS) + column


def _pairs(pairs: Sequence[tuple[int, int]]) -> tuple[AnyArray, AnyArray]:
    both = np.array(pairs, np.intp).reshape(-1, 2)
    return both[:, 0], both[:, 1]
