"""Rows gathered as they come, and handed over as float32 columns, so that they cross a border in one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from loom_py.layer_run import NUMBERS, LayerRun, by_layout
from loom_py.shapes import AnyArray, Array
from loom_py.telemetry.events import LayerStats

STATS_COLUMNS = (
    "step",
    "epoch",
    "layer",
    "phase",
    "output_min",
    "output_max",
    "output_mean",
    "output_std",
    "zero_fraction",
    "dead_units",
    "nan_count",
    "inf_count",
    "weight_norm",
    "bias_norm",
    "gradient_norm",
    "input_gradient_norm",
    "compute_time_ns",
)
_MEASURED = STATS_COLUMNS[4:]
_PLACES = [NUMBERS.index(name) for name in _MEASURED]

Row = Sequence[float | None]


class StatsTable:
    """Runs and single records in the order in which they came; their columns are made when they are taken."""

    def __init__(self) -> None:
        """Begin empty."""
        self.rows = 0
        self._held: list[LayerRun | LayerStats] = []

    def add(self, item: LayerRun | LayerStats) -> None:
        """Add a run's records, or one record."""
        self._held.append(item)
        self.rows += 1 if isinstance(item, LayerStats) else len(item)

    def take(self, positions: Mapping[str, int]) -> AnyArray:
        """All rows (rows, STATS_COLUMNS), with the layers' `positions` by path; empties the table."""
        held, self._held, self.rows = self._held, [], 0
        parts: list[AnyArray] = []
        for _, alike in groupby(held, key=lambda item: isinstance(item, LayerStats)):
            items = list(alike)
            parts += _of_runs([i for i in items if not isinstance(i, LayerStats)], positions)
            parts += _of_records([i for i in items if isinstance(i, LayerStats)], positions)
        return np.concatenate(parts)


def _of_runs(runs: Sequence[LayerRun], positions: Mapping[str, int]) -> Iterator[AnyArray]:
    for layout, found in by_layout(runs):
        table = np.empty((len(found), len(layout.paths), len(STATS_COLUMNS)))
        table[:, :, 0] = [[run.step] for run in found]
        table[:, :, 1] = [[run.epoch] for run in found]
        table[:, :, 2] = [positions.get(path, np.nan) for path in layout.paths]
        table[:, :, 3] = [phase == "backward" for phase in layout.phases]
        table[:, :, 4:] = layout.table(found)[:, :, _PLACES]
        yield table.reshape(-1, len(STATS_COLUMNS))


def _of_records(records: Sequence[LayerStats], positions: Mapping[str, int]) -> Iterator[AnyArray]:
    for s in records:
        row = [s.step, s.epoch, positions.get(s.path), s.phase == "backward", *(getattr(s, n) for n in _MEASURED)]
        yield np.array([row], np.float64)


def in_pieces(rows: AnyArray, most: int, send: Callable[[int, Array], None]) -> None:
    """Hand rows over, at most so many at a time: their number and the columns one after the other.

    Column j of a piece is `data[j * rows : (j + 1) * rows]`.
    """
    # A Python float beyond float32 becomes an infinity, which is what it is there.
    with np.errstate(over="ignore"):
        whole = rows.astype(np.float32)
    for start in range(0, len(whole), most):
        piece = whole[start : start + most]
        send(len(piece), piece.T.flatten())
