"""RecordingObserver: keeps records for history, files, exports and comparison."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from loom_py.atomic_file import write_whole
from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Count, Size
from loom_py.errors import ConfigError
from loom_py.introspect import internal
from loom_py.observers.formats.registry import EXPORTS
from loom_py.observers.records.buffer import RECORD_BYTES, StatsBuffer, thinned
from loom_py.observers.records.file import Header, Reader, write_lines
from loom_py.observers.records.json_values import plain_data
from loom_py.observers.records.rows import AnyRecord
from loom_py.telemetry.events import LayerStats, TrainingEvent, TweenStep
from loom_py.telemetry.frame import StatsFrame
from loom_py.telemetry.observer import LoomObserver

ExportFormat = Literal["tensorboard", "trace", "otlp", "csv"]


class RecordingObserver(LoomObserver):
    """Keeps layer statistics, training events and steps of neural tweening in memory, the newest `capacity` of each.

    Attributes:
        header: blueprint, config, seed and versions, as in the file; `config` and `seed` may be set by hand.
        dropped: number of records dropped for newer ones.
        truncated: whether the recording was loaded from a file that was cut off.
    """

    @checked
    def __init__(
        self,
        *,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
        output_values: bool | None = None,
        histograms: bool = False,
        capacity: Size | None = 100_000,
        values_bytes: Count = 64 * 2**20,
    ) -> None:
        """Create the observer.

        Args:
            every: record layers at every N-th run of the network.
            budget: share of the running time that observation may take, such as 0.05; None is no limit.
            layers: record these layer paths only; None is all.
            output_values: keep a copy of each layer's outputs, and of their gradients. None keeps outputs alone: those
                of the first samples of a batch, within 16 KiB a layer and at least one. False keeps none.
            histograms: keep histograms too.
            capacity: largest number of statistics, and of events; beyond it the oldest are dropped. None is no limit.
            values_bytes: largest size of the output values in bytes; beyond it the oldest records are dropped, but if
                `output_values` is None they are first thinned to an even sample of 64 values, as in files.

        Raises:
            ConfigError: an option is out of range.
        """
        whole = output_values is True
        super().__init__(every=every, budget=budget, layers=layers, output_values=whole, histograms=histograms)
        self.output_samples = output_values is None
        self._capacity = capacity
        self.header = Header()
        self.truncated = False
        self._stats = StatsBuffer(capacity, values_bytes, thin=self.output_samples)
        self._numbered_events: deque[tuple[int, TrainingEvent]] = deque()
        self._numbered_tweens: deque[tuple[int, TweenStep]] = deque()
        self._count = 0

    @property
    def dropped(self) -> int:
        """Number of records dropped for newer ones."""
        return self.header.dropped

    @property
    def memory_bytes(self) -> int:
        """Approximate size of the records in bytes."""
        return self._stats.memory_bytes + RECORD_BYTES * (len(self._numbered_events) + len(self._numbered_tweens))

    def on_attach(self, blueprint: object, config: Mapping[str, Any]) -> None:
        """Keep the blueprint for the file's header."""
        found = plain_data(blueprint)
        if isinstance(found, dict):
            self.header.blueprint = found
        self.header.config = dict(config)
        self.header.seed = config.get("seed")

    @internal
    def on_frame(self, frame: StatsFrame) -> None:
        """Keep a frame; its records are created on demand."""
        if len(frame):
            self._keep(frame)

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Keep the record."""
        self._keep(stats)

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Keep the record."""
        self._keep(stats)

    def on_training_event(self, event: TrainingEvent) -> None:
        """Keep the event."""
        self._number(event)
        self._numbered_events.append((self._count, event))
        self._bound(self._numbered_events)

    def on_tween_step(self, step: TweenStep) -> None:
        """Keep the step of neural tweening."""
        self._number(step)
        self._numbered_tweens.append((self._count, step))
        self._bound(self._numbered_tweens)

    def get_history(self) -> list[LayerStats]:
        """Forward records in order of execution, with the gradient norms and update ratios of their backward pass."""
        history: list[LayerStats] = []
        latest: dict[str, int] = {}
        for _, stats in self._stats:
            if stats.phase == "forward":
                latest[stats.path] = len(history)
                history.append(stats)
            elif (found := latest.pop(stats.path, None)) is not None:
                history[found] = _completed(history[found], stats)
        return history

    def get_backward_history(self) -> list[LayerStats]:
        """Backward records in order of execution."""
        return [stats for _, stats in self._stats if stats.phase == "backward"]

    def get_training_history(self) -> list[TrainingEvent]:
        """Training events in order."""
        return [event for _, event in self._numbered_events]

    def get_tween_history(self) -> list[TweenStep]:
        """Steps of neural tweening in order."""
        return [step for _, step in self._numbered_tweens]

    def get_records(self) -> list[LayerStats | TrainingEvent]:
        """Forward, backward and training records together, in order of arrival."""
        return [record for record in self._all() if not isinstance(record, TweenStep)]

    def clear(self) -> None:
        """Delete all records and reset the count of dropped ones; the header is kept."""
        self._stats.clear()
        self._numbered_events.clear()
        self._numbered_tweens.clear()
        self.header.dropped = 0
        self.header.time_origin_ns = 0

    def to_text(self) -> str:
        """The recording as the text of its file (JSON Lines)."""
        return "".join(self._lines())

    def save_to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the recording as JSON Lines; an existing file is replaced only once everything is written.

        Raises:
            OSError: the path can't be written.
        """
        write_whole(path, (line.encode() for line in self._lines()))

    def export(self, path: str | os.PathLike[str], format: ExportFormat) -> Path:
        """Write the recording for another tool.

        Args:
            path: file to write; for "tensorboard" the folder of the event file.
            format: "tensorboard" event file, "trace" (Chrome and Perfetto), "otlp" (OpenTelemetry JSON Lines), "csv".

        Returns:
            The written file.

        Raises:
            OSError: the path can't be written.
        """
        if format not in EXPORTS:
            raise ConfigError.expected("format", expected=f"one of {', '.join(EXPORTS)}", got=repr(format))
        return EXPORTS[format](self._all(), self.header, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> RecordingObserver:
        """Read a recording; a file that was cut off is read up to its last whole row and marked as `truncated`.

        Raises:
            FileFormatError: the file is not a recording, is damaged, or of another version.
            OSError: the file can't be read.
        """
        with open(path, "rb") as file:
            return cls._read(file)

    @classmethod
    def from_text(cls, text: str) -> RecordingObserver:
        """Read a recording from the text of its file; raises as `load` does."""
        return cls._read(text.encode().splitlines(keepends=True))

    @classmethod
    def _read(cls, lines: Iterable[bytes]) -> RecordingObserver:
        recording, reader = cls(capacity=None, values_bytes=2**62, output_values=False), Reader()
        for record in reader.read(lines):
            if isinstance(record, LayerStats):
                recording._keep(record)
            elif isinstance(record, TweenStep):
                recording.on_tween_step(record)
            else:
                recording.on_training_event(record)
        recording.header = reader.header
        recording.truncated = reader.truncated
        return recording

    def _lines(self) -> Iterator[str]:
        records = self._all()
        if self.output_samples:  # whole values would be most of the file
            records = [thinned(record) if isinstance(record, LayerStats) else record for record in records]
        return write_lines(self.header, records)

    def _all(self) -> list[AnyRecord]:
        """All records in order of arrival."""
        numbered: list[tuple[int, AnyRecord]] = [*self._stats, *self._numbered_events, *self._numbered_tweens]
        return [record for _, record in sorted(numbered, key=lambda pair: pair[0])]

    def _bound(self, kept: deque[Any]) -> None:
        if self._capacity is not None and len(kept) > self._capacity:
            kept.popleft()
            self.header.dropped += 1

    def _keep(self, item: StatsFrame | LayerStats) -> None:
        self._number(item)
        self.header.dropped += self._stats.add(self._count, item)

    def _number(self, record: StatsFrame | AnyRecord) -> None:
        self._count += 1
        if self.header.time_origin_ns == 0:
            self.header.time_origin_ns = record.time_ns


def _completed(forward: LayerStats, backward: LayerStats) -> LayerStats:
    """A copy of a forward record with the gradient statistics of its backward pass."""
    return replace(
        forward,
        gradient_norm=backward.gradient_norm,
        input_gradient_norm=backward.input_gradient_norm,
        update_ratio=backward.update_ratio,
    )
