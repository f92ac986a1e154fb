"""A watched run as observers get it: see `layer_run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import time_ns
from typing import Any, cast

import numpy as np

from loom_py.executors.base import Results
from loom_py.layer_run import NUMBERS, LayerRun
from loom_py.shapes import AnyArray
from loom_py.telemetry.events import NOT_MEASURED, LayerStats, ParameterStats, Phase
from loom_py.telemetry.instrument import Moment
from loom_py.telemetry.observations import Index, Passed
from loom_py.telemetry.stats_table import Figures

_FLOATS = NUMBERS.index("dead_units")


class RecordLayout:
    """Some passes of a Program, of which every run gives a record each.

    Attributes:
        order: which number each of them has among the passes of a run that nobody filters.
    """

    def __init__(self, index: Index, passes: Sequence[Passed], order: Sequence[int] | None = None) -> None:
        self.index = index
        self.passes = passes
        self.paths = tuple(passed.path for passed in passes)
        self.phases = tuple(cast("Phase", passed.phase) for passed in passes)
        self.order = range(len(passes)) if order is None else order
        self._some: dict[Any, RecordLayout] = {}

    def of_phases(self, phases: Sequence[str]) -> RecordLayout:
        """The passes of these phases."""
        if set(self.phases) <= set(phases):
            return self
        if phases not in self._some:
            self._some[phases] = RecordLayout(self.index, [p for p in self.passes if p.phase in phases])
        return self._some[phases]

    def of_layers(self, layers: frozenset[str] | None) -> RecordLayout:
        """The passes of these layers; None: of all."""
        if layers is None:
            return self
        if layers not in self._some:
            order = [number for number, path in zip(self.order, self.paths, strict=True) if path in layers]
            self._some[layers] = RecordLayout(self.index, [p for p in self.passes if p.path in layers], order)
        return self._some[layers]

    @cached_property
    def figures(self) -> Figures:
        """How the numbers are made."""
        return Figures(self.index, self.passes)

    def large(self, *parts: str) -> set[int]:
        """The observations that are these parts ("values", "histogram") of the passes."""
        return {passed.parts[part] for passed in self.passes for part in parts if part in passed.parts}

    def table(self, runs: Sequence[LayerRun]) -> AnyArray:
        """NUMBERS of all records, (runs, records, numbers); NaN where nothing was measured."""
        known = cast("Sequence[WatchedRun]", runs)
        times = [run.times for run in known if run.times is not None]
        return self.figures.table(_words(known), np.stack(times) if len(times) == len(known) else None)

    def records(self, runs: Sequence[LayerRun]) -> Iterator[LayerStats]:
        """The records of runs of this layout, new objects that share nothing."""
        known = cast("Sequence[WatchedRun]", runs)
        tables, singles = self.table(runs).tolist(), _words(known).view(np.float32).tolist()
        for run, table, norms in zip(known, tables, singles, strict=True):
            for number, pattern, row in zip(self.order, self._patterns, table, strict=True):
                yield pattern.record(run, run.seq + number, row, norms)

    @cached_property
    def _patterns(self) -> list[_Pattern]:
        measured = self.figures.measured.tolist()
        return [_Pattern(passed, self.index, known) for passed, known in zip(self.passes, measured, strict=True)]


class _Pattern:
    """How the record of one pass is made."""

    def __init__(self, passed: Passed, index: Index, measured: Sequence[bool]) -> None:
        self._passed = passed
        self._floats = [(place, name) for place, name in enumerate(NUMBERS[:_FLOATS]) if measured[place]]
        self._arrays = [
            (name, [index.singles.get(parts.get(kind, -1)) for kind in ("weight", "gradient", "update")])
            for name, parts in passed.arrays.items()
        ]

    def record(self, run: WatchedRun, seq: int, row: Sequence[float], norms: Sequence[float]) -> LayerStats:
        """The record from a row of the run's table and the words of the run as float32."""
        dead, nans, infs, spent = row[_FLOATS:]
        large = run.large
        floats: dict[str, Any] = {name: row[place] for place, name in self._floats}
        return LayerStats(
            **self._passed.facts,
            **floats,
            step=run.step,
            epoch=run.epoch,
            batch=run.batch,
            time_ns=run.time_ns,
            seq=seq,
            parameters={name: _parameter(norms, *places) for name, places in self._arrays},
            dead_units=None if dead != dead else int(dead),
            nan_count=int(nans),
            inf_count=int(infs),
            compute_time_ns=None if spent != spent else int(spent),
            histogram=_counts(run, self._passed) if large else None,
            output_values=run.array(self._passed, "values") if large else None,
        )


def _parameter(norms: Sequence[float], weight: int | None, gradient: int | None, update: int | None) -> ParameterStats:
    """Norms of one array, from their places among the words."""
    if gradient is None or weight is None:
        return ParameterStats(
            weight_norm=NOT_MEASURED if weight is None else norms[weight],
            gradient_norm=NOT_MEASURED if gradient is None else norms[gradient],
        )
    norm, ratio = norms[weight], NOT_MEASURED
    if update is not None:
        moved = norms[update]
        ratio = 0.0 if not moved else moved / norm if norm else moved * float("inf")
    return ParameterStats(weight_norm=norm, gradient_norm=norms[gradient], update_ratio=ratio)


@dataclass(slots=True, eq=False)
class WatchedRun:
    """One run as it was watched.

    Attributes:
        words: all its numbers, as the Program left them.
        times: nanoseconds of each span; None where the device can't tell.
        seq: number of its first record within the network's life.
        large: copies of outputs, and histograms, by observation.
    """

    layout: RecordLayout
    words: AnyArray
    times: AnyArray | None
    step: int
    epoch: int
    batch: int
    seq: int
    time_ns: int
    large: Mapping[int, AnyArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.layout.passes)

    @property
    def nbytes(self) -> int:
        """Bytes that it holds, output values left out."""
        return self.words.nbytes + (0 if self.times is None else self.times.nbytes)

    def value_bytes(self, record: int) -> int:
        """Bytes of output values that a record of it holds."""
        observation = self.layout.passes[record].parts.get("values", -1)
        return self.large[observation].nbytes if observation in self.large else 0

    def array(self, passed: Passed, part: str) -> AnyArray | None:
        """A copy of a large part of a pass; None if it has none."""
        found = self.large.get(passed.parts.get(part, -1))
        return None if found is None else found.copy()

    def chosen(self, layers: frozenset[str] | None, *, values: bool, histograms: bool) -> WatchedRun:
        """What an observer asked for of it."""
        if layers is None and not self.large:
            return self
        layout = self.layout.of_layers(layers)
        wanted = layout.large(*["values"] * values, *["histogram"] * histograms) if self.large else ()
        return replace(self, layout=layout, large={number: self.large[number] for number in wanted})


def watched(layout: RecordLayout, results: Results, moment: Moment, seq: int) -> WatchedRun:
    """What a run left, in memory of its own."""
    raw, times = results.read_observed(), results.times_ns
    return WatchedRun(
        layout,
        layout.index.numbers(raw),
        None if times is None else times.copy(),
        moment.step,
        moment.epoch,
        moment.batch,
        seq,
        time_ns(),
        layout.index.arrays(raw) if layout.index.large else {},
    )


class UpdateRatios:
    """The last update ratio of every layer that was watched in training, reckoned when somebody asks."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._last: WatchedRun | None = None

    def note(self, run: WatchedRun) -> None:
        """Take a run."""
        if "backward" in run.layout.phases:
            if self._last is not None and self._last.layout is not run.layout:
                self.all()
            self._last = run.chosen(None, values=False, histograms=False)

    def all(self) -> dict[str, float]:
        """By path."""
        run, self._last = self._last, None
        if run is not None:
            column = NUMBERS.index("update_ratio")
            rows = zip(run.layout.paths, run.layout.figures.measured[:, column], strict=True)
            ratios = run.layout.table([run])[0, :, column].tolist()
            self._known |= {path: ratio for (path, there), ratio in zip(rows, ratios, strict=True) if there}
        return dict(self._known)


def _words(runs: Sequence[WatchedRun]) -> AnyArray:
    return np.stack([run.words for run in runs])


def _counts(run: WatchedRun, passed: Passed) -> tuple[int, ...] | None:
    found = run.large.get(passed.parts.get("histogram", -1))
    return None if found is None else tuple(int(n) for n in found.tolist())
