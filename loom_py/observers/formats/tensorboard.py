"""Records as TensorBoard's tags and values, and the export of a recording as an event file."""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from loom_py.atomic_file import openable
from loom_py.observers.formats.scalars import (
    event_scalars,
    layer_scalars,
    parameter_scalars,
    tween_scalars,
    view_scalars,
)
from loom_py.observers.formats.tfevents import EventFileWriter, Histogram
from loom_py.observers.records.file import Header
from loom_py.observers.records.rows import AnyRecord
from loom_py.ops.histogram import histogram_edges
from loom_py.telemetry.events import LayerStats, TweenStep

_FLOAT32_MAX = 3.4028234663852886e38
_LIMITS = [high for _, high in histogram_edges()]
# The same names in every run: TensorBoard groups charts by the part before the slash.
_GROUPS = {"batch_end": "train", "epoch_end": "epoch", "validation": "validation"}


def write_record(writer: EventFileWriter, record: AnyRecord) -> None:
    """Write the numbers of a record under their tags."""
    time_s = record.time_ns / 1e9
    if tagged := [(tag, _as_float32(value)) for tag, value in _tagged(record)]:
        writer.add_scalars(record.step, time_s, tagged)
    if isinstance(record, LayerStats) and (histogram := _histogram(record)) is not None:
        kind = "output" if record.phase == "forward" else "output_gradient"
        writer.add_histogram(record.step, time_s, f"{kind}/{record.path} {record.layer_type}", histogram)


def _tagged(record: AnyRecord) -> Iterator[tuple[str, float]]:
    if isinstance(record, LayerStats):
        label = f"{record.path} {record.layer_type}"
        for name, value in layer_scalars(record):
            yield f"{name}/{label}", value
        for parameter, norms in record.parameters.items():
            for name, value in parameter_scalars(norms, record.phase):
                yield f"parameter_{name}/{label} {parameter}", value
    elif isinstance(record, TweenStep):
        yield from _tween_tagged(record)
    elif record.type in _GROUPS:
        for name, value in event_scalars(record):
            yield f"{_GROUPS[record.type]}/{name}", value


def _tween_tagged(step: TweenStep) -> Iterator[tuple[str, float]]:
    for name, value in tween_scalars(step):
        yield f"tween/{name}", value
    for view in step.views:
        for name, value in view_scalars(view):
            yield f"tween_{name}/{view.path}", value


def _histogram(stats: LayerStats) -> Histogram | None:
    """The counts from the first to the last non-zero one, with an empty bin before them; None if all are 0."""
    counts = stats.histogram or ()
    filled = [place for place, count in enumerate(counts) if count]
    if not filled:
        return None
    first, last = max(filled[0] - 1, 0), filled[-1] + 1
    mean, count = stats.output_mean, sum(counts)
    return Histogram(
        stats.output_min,
        stats.output_max,
        mean * count,
        (stats.output_std**2 + mean**2) * count,
        _LIMITS[first:last],
        counts[first:last],
    )


def export_tensorboard(records: Iterable[AnyRecord], header: Header, path: Path) -> Path:
    """Write an event file into the folder `path`; returns the file."""
    target, file = create_event_file(path)
    try:
        with file:
            writer = EventFileWriter(file, header.time_origin_ns / 1e9)
            for record in records:
                write_record(writer, record)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        target.unlink()  # TensorBoard would read half of it
        raise
    return target


def _as_float32(value: float) -> float:
    """The value as float32, with infinity for an overflow, which struct would refuse."""
    if abs(value) > _FLOAT32_MAX:
        try:
            struct.pack("<f", value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value


def create_event_file(folder: Path) -> tuple[Path, BinaryIO]:
    """Create an event file with an unused name, and the folder if it is missing; returns path and open file."""
    openable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    process = 0 if sys.platform == "emscripten" else os.getpid()
    for number in range(10_000):
        path = folder / f"events.out.tfevents.{int(time.time()):010d}.loom.{process}.{number}"
        try:
            return path, open(path, "xb")
        except FileExistsError:
            continue
    raise FileExistsError(f"no unused name for an event file in {folder}")
