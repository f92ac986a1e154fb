"""Chrome trace JSON of a recording, a timeline for Perfetto and chrome://tracing.

Format: "Trace Event Format" (Chromium): complete events "X" with `ts` and `dur` in microseconds, counters "C",
instants "i", names "M". Layers of each depth of nesting have a track of their own, so that events never overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from loom_py.atomic_file import write_whole
from loom_py.observers.formats.scalars import event_scalars, layer_scalars, tween_scalars, view_scalars
from loom_py.observers.records.file import Header
from loom_py.observers.records.json_values import encode_statistic
from loom_py.observers.records.rows import AnyRecord
from loom_py.strict_json import dumps
from loom_py.telemetry.events import LayerStats, TrainingEvent, TweenStep

_PROCESS = 1
_TRAINING_TRACK = 1
_LAYERS_TRACK = 2

Event = dict[str, Any]


def export_trace(records: Iterable[AnyRecord], header: Header, path: Path) -> Path:
    """Write the trace file; returns its path."""
    return write_whole(path, (text.encode() for text in _lines(records, header)))


def _lines(records: Iterable[AnyRecord], header: Header) -> Iterator[str]:
    yield '{"displayTimeUnit":"ms","otherData":' + dumps(header.versions) + ',"traceEvents":[\n'
    yield dumps(_name("process_name", 0, "loom_py"))
    for event in _events(records, header.time_origin_ns):
        yield ",\n" + dumps(event)
    yield "\n]}\n"


def _events(records: Iterable[AnyRecord], origin_ns: int) -> Iterator[Event]:
    yield _name("thread_name", _TRAINING_TRACK, "training")
    ends: dict[int, float] = {}
    for record in records:
        start = (record.time_ns - origin_ns) / 1e3
        if isinstance(record, TrainingEvent):
            yield from _training(record, start)
            continue
        if isinstance(record, TweenStep):
            yield _tween(record, start)
            continue
        track = _LAYERS_TRACK + record.path.count(".")
        if track not in ends:
            yield _name("thread_name", track, f"layers, depth {track - _LAYERS_TRACK}")
        # Layers of one run share one time stamp: they are placed end to end.
        start = max(start, ends.get(track, 0.0))
        event = _layer(record, track, start)
        ends[track] = start + event["dur"]
        yield event


def _layer(stats: LayerStats, track: int, start: float) -> Event:
    args = {name: encode_statistic(value) for name, value in layer_scalars(stats)}
    return {
        "ph": "X",
        "pid": _PROCESS,
        "tid": track,
        "ts": start,
        "dur": (stats.compute_time_ns or 0) / 1e3,
        "name": f"{stats.path} {stats.layer_type}",
        "cat": stats.phase,
        "args": {"step": stats.step, **args},
    }


def _training(event: TrainingEvent, start: float) -> Iterator[Event]:
    args = {name: encode_statistic(value) for name, value in event_scalars(event)}
    common = {"pid": _PROCESS, "tid": _TRAINING_TRACK, "ts": start}
    details = {"step": event.step, "epoch": event.epoch, **args}
    if event.text:
        details["text"] = event.text
    yield {**common, "ph": "i", "s": "t", "name": event.type, "cat": "training", "args": details}
    for name, value in event_scalars(event):
        # A counter can only be a number; NaN is in the instant event above.
        if name in ("loss", "accuracy", "gradient_norm") and math.isfinite(value):
            series = f"{'validation' if event.type == 'validation' else 'training'} {name}"
            yield {**common, "ph": "C", "name": series, "args": {name: encode_statistic(value)}}


def _name(kind: str, track: int, name: str) -> Event:
    return {"ph": "M", "pid": _PROCESS, "tid": track, "name": kind, "args": {"name": name}}


def _tween(step: TweenStep, start: float) -> Event:
    layers = {view.path: {name: encode_statistic(value) for name, value in view_scalars(view)} for view in step.views}
    details = {"step": step.step, "epoch": step.epoch, "layers": layers}
    details |= {name: encode_statistic(value) for name, value in tween_scalars(step)}
    common = {"pid": _PROCESS, "tid": _TRAINING_TRACK, "ts": start}
    return {**common, "ph": "i", "s": "t", "name": "tween", "cat": "training", "args": details}
