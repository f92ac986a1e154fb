"""RecordingObserver: keeps records for history, files, exports and comparison."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from loom_py.atomic_file import openable, write_whole
from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Count, Size
from loom_py.diagnose.finding import Finding
from loom_py.errors import ConfigError, FileFormatError
from loom_py.introspect import internal
from loom_py.observers.formats.html import to_html
from loom_py.observers.formats.registry import EXPORTS
from loom_py.observers.records.buffer import RecordBuffer, StatsBuffer, thinned
from loom_py.observers.records.file import Header, Reader, write_lines
from loom_py.observers.records.json_values import plain_data
from loom_py.observers.records.rows import AnyRecord
from loom_py.telemetry.events import LayerStats, TrainingEvent, TweenStep
from loom_py.telemetry.frame import StatsFrame
from loom_py.telemetry.observer import LoomObserver

ExportFormat = Literal["tensorboard", "trace", "otlp", "csv", "html"]


class RecordingObserver(LoomObserver):
    """Keeps layer statistics, training events and steps of neural tweening in memory, the newest within its limits.

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
        capacity_bytes: Size | None = 256 * 2**20,
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
            capacity_bytes: largest size of everything in bytes (`memory_bytes`); beyond it likewise. None is no limit.

        Raises:
            ConfigError: an option is out of range.
        """
        whole = output_values is True
        super().__init__(every=every, budget=budget, layers=layers, output_values=whole, histograms=histograms)
        self.output_samples = output_values is None
        self._capacity, self._values_bytes, self._capacity_bytes = capacity, values_bytes, capacity_bytes
        self.header = Header()
        self.truncated = False
        self._stats = StatsBuffer()
        self._events = RecordBuffer[TrainingEvent]()
        self._tweens = RecordBuffer[TweenStep]()
        self._count = 0

    @property
    def dropped(self) -> int:
        """Number of records dropped for newer ones."""
        return self.header.dropped

    @property
    def memory_bytes(self) -> int:
        """Approximate size of the records in bytes."""
        return self._stats.memory_bytes + self._events.memory_bytes + self._tweens.memory_bytes

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
            self._stats.add(self._number(frame), frame)
            self._drop_excess()

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Keep the record."""
        self._stats.add(self._number(stats), stats)
        self._drop_excess()

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Keep the record."""
        self.on_layer_forward(layer_idx, stats)

    def on_training_event(self, event: TrainingEvent) -> None:
        """Keep the event."""
        self._events.add(self._number(event), event)
        self._drop_excess()

    def on_tween_step(self, step: TweenStep) -> None:
        """Keep the step of neural tweening."""
        self._tweens.add(self._number(step), step)
        self._drop_excess()

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
        return [event for _, event in self._events]

    def get_tween_history(self) -> list[TweenStep]:
        """Steps of neural tweening in order."""
        return [step for _, step in self._tweens]

    def get_records(self) -> list[LayerStats | TrainingEvent]:
        """Forward, backward and training records together, in order of arrival."""
        return [record for record in self._all() if not isinstance(record, TweenStep)]

    def clear(self) -> None:
        """Delete all records and reset the count of dropped ones; the header is kept."""
        for buffer in self._buffers:
            buffer.clear()
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
            format: "tensorboard" event file, "trace" (Chrome and Perfetto), "otlp" (OpenTelemetry JSON Lines), "csv",
                "html" (one file with the dashboard).

        Returns:
            The written file.

        Raises:
            OSError: the path can't be written.
        """
        if format not in EXPORTS:
            raise ConfigError.expected("format", expected=f"one of {', '.join(EXPORTS)}", got=repr(format))
        return EXPORTS[format](self._all(), self.header, Path(path))

    def to_html(self, *, title: str = "Recording", findings: Sequence[Finding] | None = None) -> str:
        """The recording as one HTML file, which any browser opens and replays on the dashboard.

        Args:
            title: heading of the page.
            findings: findings to show above the charts; None: those of `diagnose`.

        Raises:
            ConfigError: the observer was never attached to a network.
            UnavailableError: the package was installed without the dashboard's script.
        """
        return to_html(self._all(), self.header, title, findings)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, capacity_bytes: int | None = 2**30) -> RecordingObserver:
        """Read a recording; a file that was cut off is read up to its last whole row and marked as `truncated`.

        Args:
            path: the file.
            capacity_bytes: largest size of the recording in memory, in bytes; None is no limit.

        Raises:
            FileFormatError: the file is not a recording, is damaged, of another version, or larger than
                `capacity_bytes` in memory.
            OSError: the file can't be read.
        """
        with open(openable(path), "rb") as file:
            return cls._read(file, capacity_bytes)

    @classmethod
    def from_text(cls, text: str, *, capacity_bytes: int | None = 2**30) -> RecordingObserver:
        """Read a recording from the text of its file; raises as `load` does."""
        return cls._read(text.encode(errors="surrogatepass").splitlines(keepends=True), capacity_bytes)

    @classmethod
    def _read(cls, lines: Iterable[bytes], capacity_bytes: int | None) -> RecordingObserver:
        recording, reader = cls._unlimited(), Reader()
        for record in reader.read(lines):
            if capacity_bytes is not None and recording.memory_bytes + reader.memory_bytes > capacity_bytes:
                raise FileFormatError.expected(
                    "recording", expected=f"at most {capacity_bytes} bytes in memory", got="more",
                    do="load it with a larger capacity_bytes",
                )  # fmt: skip
            if isinstance(record, LayerStats):
                recording.on_layer_forward(record.layer_index, record)
            elif isinstance(record, TweenStep):
                recording.on_tween_step(record)
            else:
                recording.on_training_event(record)
        recording.header = reader.header
        recording.truncated = reader.truncated
        recording._capacity_bytes = capacity_bytes
        return recording

    @classmethod
    def _unlimited(cls) -> RecordingObserver:
        return cls(output_values=False, capacity=None, values_bytes=2**62, capacity_bytes=None)

    def _lines(self) -> Iterator[str]:
        records = self._all()
        if self.output_samples:  # whole values would be most of the file
            records = [thinned(record) if isinstance(record, LayerStats) else record for record in records]
        return write_lines(self.header, records)

    def _all(self) -> list[AnyRecord]:
        """All records in order of arrival."""
        numbered: list[tuple[int, AnyRecord]] = [*self._stats, *self._events, *self._tweens]
        return [record for _, record in sorted(numbered, key=lambda pair: pair[0])]

    @property
    def _buffers(self) -> tuple[StatsBuffer, RecordBuffer[TrainingEvent], RecordBuffer[TweenStep]]:
        return self._stats, self._events, self._tweens

    def _drop_excess(self) -> None:
        if self.output_samples:
            while (self._has_many_values() or self._is_large()) and self._stats.thin_oldest():
                pass
        while (buffer := self._too_full()) is not None:
            buffer.drop_oldest()
            self.header.dropped += 1

    def _too_full(self) -> StatsBuffer | RecordBuffer[Any] | None:
        """The buffer whose oldest record goes next; None if all is within the limits. One record always stays."""
        if self._capacity is not None:
            for buffer in self._buffers:
                if len(buffer) > self._capacity:
                    return buffer
        if self._has_many_values() and len(self._stats) > 1:
            return self._stats
        if not self._is_large():
            return None
        filled = [buffer for buffer in self._buffers if len(buffer)]
        return min(filled, key=lambda buffer: buffer.oldest) if sum(len(buffer) for buffer in filled) > 1 else None

    def _has_many_values(self) -> bool:
        return self._stats.value_bytes > self._values_bytes

    def _is_large(self) -> bool:
        return self._capacity_bytes is not None and self.memory_bytes > self._capacity_bytes

    def _number(self, record: StatsFrame | AnyRecord) -> int:
        """Number of arrival of the next record."""
        self._count += 1
        if self.header.time_origin_ns == 0:
            self.header.time_origin_ns = record.time_ns
        return self._count


def _completed(forward: LayerStats, backward: LayerStats) -> LayerStats:
    """A copy of a forward record with the gradient statistics of its backward pass."""
    return replace(
        forward,
        gradient_norm=backward.gradient_norm,
        input_gradient_norm=backward.input_gradient_norm,
        update_ratio=backward.update_ratio,
    )
