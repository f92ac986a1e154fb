"""TensorBoardObserver: scalars of layers and training in an event file that TensorBoard opens."""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from loom_py.events import LayerStats, TrainingEvent
from loom_py.observers.base import LoomObserver
from loom_py.observers.recording_file import Header
from loom_py.observers.rows import Record
from loom_py.observers.scalars import event_scalars, layer_scalars
from loom_py.observers.tfevents import EventFileWriter

_FLOAT32_MAX = 3.4028234663852886e38
# A bar of the same name for the same thing in every run: TensorBoard groups charts by what stands before the slash.
_GROUPS = {"batch_end": "train", "epoch_end": "epoch", "validation": "validation"}


class TensorBoardObserver(LoomObserver):
    """Writes an event file: tags such as `output_mean/0 Dense`, `gradient_norm/0 Dense`, `train/loss`.

    Attributes:
        path: the event file.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        *,
        every: int = 1,
        budget: float | None = None,
        layers: Iterable[str | int] | None = None,
    ) -> None:
        """Create the folder if it is missing, and the event file.

        Args:
            log_dir: folder of this run's event files.
            every: write layers at every N-th run of the network.
            budget: share of the time that watching may take, such as 0.05; None is no limit.
            layers: write these layer paths only; None is all.

        Raises:
            OSError: the folder can't be made or written.
        """
        super().__init__(every=every, budget=budget, layers=layers)
        self.path, self._file = _create(Path(log_dir))
        self._writer = EventFileWriter(self._file, time.time())

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Write the layer's statistics."""
        self._write(stats)

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Write the layer's gradient statistics."""
        self._write(stats)

    def on_training_event(self, event: TrainingEvent) -> None:
        """Write the event's numbers; at the end of an epoch the file is brought up to date on disk."""
        self._write(event)
        if event.type in ("epoch_end", "train_end"):
            self.flush()

    def flush(self) -> None:
        """Bring the file up to date, for a TensorBoard that watches it."""
        if not self._file.closed:
            self._file.flush()

    def _release(self) -> None:
        self._file.close()

    def _write(self, record: Record) -> None:
        if not self._closed:
            write_record(self._writer, record)


def write_record(writer: EventFileWriter, record: Record) -> None:
    """Write the numbers of a record under their tags."""
    if isinstance(record, LayerStats):
        label = f"{record.path} {record.layer_type}"
        tagged = [(f"{name}/{label}", _as_float32(value)) for name, value in layer_scalars(record)]
    elif record.type in _GROUPS:
        group = _GROUPS[record.type]
        tagged = [(f"{group}/{name}", _as_float32(value)) for name, value in event_scalars(record)]
    else:
        return
    writer.add_scalars(record.step, record.time_ns / 1e9, tagged)


def export_tensorboard(records: Iterable[Record], header: Header, path: Path) -> Path:
    """Write an event file into the folder `path`; returns the file."""
    target, file = _create(path)
    with file:
        writer = EventFileWriter(file, header.time_origin_ns / 1e9)
        for record in records:
            write_record(writer, record)
    return target


def _as_float32(value: float) -> float:
    """The value as a float32 can hold it: struct refuses what is beyond, where the hardware gives an infinity."""
    if abs(value) > _FLOAT32_MAX:
        try:
            struct.pack("<f", value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value


def _create(folder: Path) -> tuple[Path, BinaryIO]:
    folder.mkdir(parents=True, exist_ok=True)
    process = 0 if sys.platform == "emscripten" else os.getpid()
    for number in range(10_000):
        path = folder / f"events.out.tfevents.{int(time.time()):010d}.loom.{process}.{number}"
        try:
            return path, open(path, "xb")
        except FileExistsError:
            continue
    raise FileExistsError(f"no free name for an event file in {folder}")
