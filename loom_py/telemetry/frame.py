"""A stats frame: the measurements of one run, cheap to keep, from which records are made when they are wanted.

A record is an object of some thirty fields; a run of a small network takes less time than making one for each layer.
So a run is handed over as a frame, and an observer that packs numbers into arrays takes those of many frames at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from time import time_ns
from typing import Any, cast

import numpy as np

from loom_py.executors.base import Results
from loom_py.shapes import AnyArray
from loom_py.telemetry.events import LayerStats, ParameterStats, Phase
from loom_py.telemetry.instrument import StepInfo
from loom_py.telemetry.observations import LayerPass, ObservationIndex
from loom_py.telemetry.statistics import LAYER_STATISTICS, NOT_MEASURED
from loom_py.telemetry.stats_table import StatsTable


class FrameSchema:
    """Some passes of a Program: which records its frames give, and how their numbers are made.

    Attributes:
        order: number of each pass among all passes of a run, before any observer's choice of layers.
    """

    def __init__(
        self, index: ObservationIndex, passes: Sequence[LayerPass], order: Sequence[int] | None = None
    ) -> None:
        self.index = index
        self.passes = passes
        self.paths = tuple(layer_pass.path for layer_pass in passes)
        self.phases = tuple(cast("Phase", layer_pass.phase) for layer_pass in passes)
        self.order = range(len(passes)) if order is None else order
        self._subsets: dict[Any, FrameSchema] = {}

    def of_phases(self, phases: Sequence[str]) -> FrameSchema:
        """The passes of these phases."""
        if set(self.phases) <= set(phases):
            return self
        if phases not in self._subsets:
            self._subsets[phases] = FrameSchema(self.index, [p for p in self.passes if p.phase in phases])
        return self._subsets[phases]

    def of_layers(self, layers: frozenset[str] | None) -> FrameSchema:
        """The passes of these layers; None: of all."""
        if layers is None:
            return self
        if layers not in self._subsets:
            order = [number for number, path in zip(self.order, self.paths, strict=True) if path in layers]
            self._subsets[layers] = FrameSchema(self.index, [p for p in self.passes if p.path in layers], order)
        return self._subsets[layers]

    @cached_property
    def stats_table(self) -> StatsTable:
        """Places of the numbers."""
        return StatsTable(self.index, self.passes)

    def large(self, *parts: str) -> set[int]:
        """The passes' observations of these parts ("values", "histogram")."""
        return {layer_pass.parts[part] for layer_pass in self.passes for part in parts if part in layer_pass.parts}

    def table(self, frames: Sequence[StatsFrame]) -> AnyArray:
        """LAYER_STATISTICS of all records, (frames, records, statistics); NaN where nothing was measured."""
        times = [frame.times for frame in frames if frame.times is not None]
        return self.stats_table.table(_words(frames), np.stack(times) if len(times) == len(frames) else None)

    def records(self, frames: Sequence[StatsFrame]) -> Iterator[LayerStats]:
        """The records of frames of this schema, new objects that share nothing."""
        tables, singles = self.table(frames).tolist(), _words(frames).view(np.float32).tolist()
        for frame, table, norms in zip(frames, tables, singles, strict=True):
            for number, maker, row in zip(self.order, self._makers, table, strict=True):
                yield maker.record(frame, frame.seq + number, row, norms)

    @cached_property
    def _makers(self) -> list[_RecordMaker]:
        measured = self.stats_table.measured.tolist()
        return [_RecordMaker(p, self.index, known) for p, known in zip(self.passes, measured, strict=True)]


class _RecordMaker:
    """Makes the records of one pass."""

    def __init__(self, layer_pass: LayerPass, index: ObservationIndex, measured: Sequence[bool]) -> None:
        self._pass = layer_pass
        known = [(place, s) for place, s in enumerate(LAYER_STATISTICS) if measured[place]]
        self._floats = [(place, s.name) for place, s in known if not s.whole]
        self._whole = [(place, s.name) for place, s in known if s.whole]
        self._arrays = [
            (name, [index.singles.get(parts.get(kind, -1)) for kind in ("weight", "gradient", "update")])
            for name, parts in layer_pass.arrays.items()
        ]

    def record(self, frame: StatsFrame, seq: int, row: Sequence[float], norms: Sequence[float]) -> LayerStats:
        """The record from a row of the frame's table and the words of the frame as float32."""
        large = frame.large
        floats: dict[str, Any] = {name: row[place] for place, name in self._floats}
        whole: dict[str, Any] = {name: None if (n := row[place]) != n else int(n) for place, name in self._whole}
        return LayerStats(
            **self._pass.facts,
            **floats,
            **whole,
            step=frame.step,
            epoch=frame.epoch,
            batch=frame.batch,
            time_ns=frame.time_ns,
            seq=seq,
            parameters={name: _parameter(norms, *places) for name, places in self._arrays},
            histogram=_counts(frame, self._pass) if large else None,
            output_values=frame.values(self._pass) if large else None,
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
class StatsFrame:
    """The measurements of one run; nothing in it changes afterwards.

    Attributes:
        schema: which passes were measured, and how their numbers are made.
        words: all its numbers, as the Program left them.
        times: nanoseconds of each span; None where the device can't measure them.
        seq: number of its first record within the network's life.
        time_ns: wall clock of the measurement, nanoseconds since 1970.
        large: copies of outputs, and histograms, by observation.
    """

    schema: FrameSchema
    words: AnyArray
    times: AnyArray | None
    step: int
    epoch: int
    batch: int
    seq: int
    time_ns: int
    large: Mapping[int, AnyArray] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of records."""
        return len(self.schema.passes)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        large = sum(array.nbytes for array in self.large.values())
        return self.words.nbytes + (0 if self.times is None else self.times.nbytes) + large

    def value_bytes(self, record: int) -> int:
        """Bytes of output values in one of its records."""
        observation = self.schema.passes[record].parts.get("values", -1)
        return self.large[observation].nbytes if observation in self.large else 0

    def values(self, layer_pass: LayerPass) -> AnyArray | None:
        """A flat copy of the output values of a pass; None if it has none."""
        found = self.large.get(layer_pass.parts.get("values", -1))
        return None if found is None else found.flatten()

    def with_values(self, change: Callable[[AnyArray], AnyArray]) -> StatsFrame:
        """The frame with other output values."""
        values = self.schema.large("values")
        return replace(self, large={n: change(a) if n in values else a for n, a in self.large.items()})

    def without_values(self, record: int) -> StatsFrame:
        """The frame without the output values of one of its records."""
        gone = self.schema.passes[record].parts.get("values", -1)
        return replace(self, large={number: array for number, array in self.large.items() if number != gone})

    def subset(self, layers: frozenset[str] | None, *, values: bool, histograms: bool) -> StatsFrame:
        """The part of the frame that an observer asked for."""
        if layers is None and not self.large:
            return self
        schema = self.schema.of_layers(layers)
        wanted = schema.large(*["values"] * values, *["histogram"] * histograms) if self.large else ()
        return replace(self, schema=schema, large={number: self.large[number] for number in wanted})


def read_frame(schema: FrameSchema, results: Results, info: StepInfo, seq: int) -> StatsFrame:
    """The frame of a run, in memory of its own."""
    raw, times = results.read_observed(), results.times_ns
    return StatsFrame(
        schema,
        schema.index.numbers(raw),
        None if times is None else times.copy(),
        info.step,
        info.epoch,
        info.batch,
        seq,
        time_ns(),
        schema.index.arrays(raw) if schema.index.large else {},
    )


def records_of(frames: Iterable[StatsFrame]) -> Iterator[LayerStats]:
    """The records of frames of any schema, in order."""
    for schema, found in by_schema(frames):
        yield from schema.records(found)


def by_schema(frames: Iterable[StatsFrame]) -> Iterator[tuple[FrameSchema, list[StatsFrame]]]:
    """Neighbouring frames of one schema together."""
    for _, found in groupby(frames, key=lambda frame: id(frame.schema)):
        alike = list(found)
        yield alike[0].schema, alike


def _words(frames: Sequence[StatsFrame]) -> AnyArray:
    return np.stack([frame.words for frame in frames])


def _counts(frame: StatsFrame, layer_pass: LayerPass) -> tuple[int, ...] | None:
    found = frame.large.get(layer_pass.parts.get("histogram", -1))
    return None if found is None else tuple(int(n) for n in found.tolist())
