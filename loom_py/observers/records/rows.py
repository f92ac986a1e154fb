"""Rows of a recording file: statistics and events as compact arrays; every value is checked on reading.

The identity of a layer (index, type, path, shapes …) is written once, in a "layer" row, to which the rows of its
statistics refer by number. The first item of a row is its kind: 0 a layer, 1 a forward pass, 2 a backward pass, 3 an
event, 4 a step of neural tweening. The header names the columns of each kind.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from loom_py.errors import FileFormatError
from loom_py.observers.records.json_values import decode_statistic, encode_statistic, plain_data
from loom_py.observers.records.norms import PARAMETER_COLUMNS, StoredNorms
from loom_py.shapes import Array, Shape, size_of
from loom_py.telemetry.events import EventType, LayerStats, ParameterStats, TrainingEvent, TweenStep, TweenView
from loom_py.telemetry.statistics import (
    EVENT_STATISTICS,
    LAYER_STATISTICS,
    TWEEN_STATISTICS,
    VIEW_STATISTICS,
    measured,
    names,
)


def exactly(values: list[Any], length: int, what: str) -> list[Any]:
    """The values, if their number is right."""
    if len(values) != length:
        raise FileFormatError.expected(what, expected=f"{length} values", got=len(values))
    return values


def checked_count(value: object, name: str) -> int:
    """The value if it is an integer of 64 bits."""
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    raise FileFormatError.expected(name, expected="an integer", got=repr(value)[:40])


def checked_text(value: object, name: str) -> str:
    """The value if it is a text."""
    if isinstance(value, str):
        return value
    raise FileFormatError.expected(name, expected="a text", got=repr(value)[:40])


def checked_list(value: object, name: str) -> list[Any]:
    """The value if it is a list."""
    if isinstance(value, list):
        return value
    raise FileFormatError.expected(name, expected="a list", got=repr(value)[:40])


def checked_shape(value: object, name: str) -> Shape:
    """The value if it is a list of integers."""
    return tuple(checked_count(extent, name) for extent in checked_list(value, name))


LAYER, FORWARD, BACKWARD, EVENT, TWEEN = range(5)

LAYER_COLUMNS = ("layer_index", "layer_type", "row", "col", "layer", "path", "input_shape", "output_shape")
_COUNTS = (
    "step", "epoch", "batch", "seq", "time_ns", *(s.name for s in LAYER_STATISTICS if s.whole and not s.optional)
)  # fmt: skip
_OPTIONAL_COUNTS = tuple(s.name for s in LAYER_STATISTICS if s.whole and s.optional)
_FLOATS = tuple(s.name for s in LAYER_STATISTICS if not s.whole)
_MAY_BE_ABSENT = frozenset((*_OPTIONAL_COUNTS, *_FLOATS))  # other counts would read as 0, as if measured
STATS_COLUMNS = (*_COUNTS, *_OPTIONAL_COUNTS, *_FLOATS, "parameters", "histogram", "output_values")
_EVENT_COUNTS = ("epoch", "batch", "step", "time_ns")
_EVENT_FLOATS = names(EVENT_STATISTICS)
EVENT_COLUMNS = ("type", *_EVENT_COUNTS, *_EVENT_FLOATS, "path", "text")
_TWEEN_COUNTS = ("step", "epoch", "batch", "time_ns")
_TWEEN_FLOATS = names(TWEEN_STATISTICS, "training")
_TWEEN_FLAGS = names(TWEEN_STATISTICS, "flag")
TWEEN_COLUMNS = (*_TWEEN_COUNTS, *_TWEEN_FLOATS, *_TWEEN_FLAGS, "views")
_VIEW_FLOATS = names(VIEW_STATISTICS, "training")
_VIEW_COUNTS = names(VIEW_STATISTICS, "count")
VIEW_COLUMNS = ("path", *_VIEW_FLOATS, *_VIEW_COUNTS)
COLUMNS = {
    "layer": (*LAYER_COLUMNS, "parameters"),
    "stats": STATS_COLUMNS,
    "parameters": PARAMETER_COLUMNS,
    "event": EVENT_COLUMNS,
    "tween": TWEEN_COLUMNS,
    "views": VIEW_COLUMNS,
}

Row = list[Any]
Identity = tuple[Any, ...]
Record = LayerStats | TrainingEvent
AnyRecord = Record | TweenStep
"""A record of a recording file."""


def read_columns(found: object) -> tuple[str, ...]:
    """The columns of a file's statistics, from its header.

    A file of an earlier release has fewer statistics; in its records the others are not measured. Counts that can't be
    absent must be there.

    Raises:
        FileFormatError: a column is unknown, doubled, or one that every file has and this one lacks.
    """
    if not isinstance(found, dict) or not isinstance(found.get("stats"), list):
        raise FileFormatError.expected(
            "columns of the recording", expected="names by kind of row", got=repr(found)[:40]
        )
    stats = tuple(checked_text(name, "name of a column") for name in found["stats"])
    other = [kind for kind, known in COLUMNS.items() if kind != "stats" and found.get(kind) != list(known)]
    faults = {
        "unknown": [name for name in stats if name not in STATS_COLUMNS],
        "missing": [name for name in STATS_COLUMNS if name not in stats and name not in _MAY_BE_ABSENT],
        "doubled": [name for name, count in Counter(stats).items() if count > 1],
        "other than those of its version in rows of": other + [kind for kind in found if kind not in COLUMNS],
    }
    for fault, columns in faults.items():
        if columns:
            raise FileFormatError(
                f"columns of the recording: {fault} {', '.join(columns)[:80]}; the file is damaged or newer"
            )
    return stats


def identity_of(stats: LayerStats) -> Identity:
    """Identity of the statistics' layer, with its shapes and parameters."""
    return (*(getattr(stats, name) for name in LAYER_COLUMNS), tuple(stats.parameters))


def layer_row(identity: Identity) -> Row:
    """The row of a layer, before its first statistics."""
    return [LAYER, *plain_data(list(identity))]


def stats_row(stats: LayerStats, layer_number: int, origin_ns: int) -> Row:
    """The row of a pass; times are nanoseconds since the recording's origin."""
    row: Row = [FORWARD if stats.phase == "forward" else BACKWARD, layer_number]
    row += [int(getattr(stats, name)) for name in _COUNTS]
    row[2 + _COUNTS.index("time_ns")] -= origin_ns
    row += [plain_data(getattr(stats, name)) for name in _OPTIONAL_COUNTS]
    row += [encode_statistic(getattr(stats, name)) for name in _FLOATS]
    parameters = [_parameter_row(parameter) for parameter in stats.parameters.values()]
    return [*row, parameters, plain_data(stats.histogram), _encode_array(stats.output_values)]


def _parameter_row(parameter: ParameterStats) -> Row:
    """The parameter's norms, without unmeasured ones at the end."""
    values = [getattr(parameter, name) for name in PARAMETER_COLUMNS]
    while values and not measured(values[-1]):
        values.pop()
    return [encode_statistic(value) for value in values]


def event_row(event: TrainingEvent, origin_ns: int) -> Row:
    """The row of a training event."""
    times = [event.epoch, event.batch, event.step, event.time_ns - origin_ns]
    return [
        EVENT,
        event.type,
        *times,
        *(encode_statistic(getattr(event, n)) for n in _EVENT_FLOATS),
        event.path,
        event.text,
    ]


def read_identity(row: Row) -> dict[str, Any]:
    """The layer's fields from its row; raises FileFormatError."""
    columns = COLUMNS["layer"]
    fields = dict(zip(columns, exactly(row[1:], len(columns), "layer row"), strict=True))
    for name in ("layer_index", "row", "col", "layer"):
        checked_count(fields[name], name)
    for name in ("layer_type", "path"):
        checked_text(fields[name], name)
    for name in ("input_shape", "output_shape"):
        fields[name] = checked_shape(fields[name], name)
    found = [checked_text(name, "name of a parameter") for name in checked_list(fields["parameters"], "parameters")]
    fields["parameters"] = {name: place for place, name in enumerate(found)}
    exactly(found, len(fields["parameters"]), "different names of parameters")
    return fields


def read_stats(row: Row, columns: Sequence[str], layers: list[dict[str, Any]], origin_ns: int) -> LayerStats:
    """The statistics from their row with the columns of the file's header; raises FileFormatError."""
    number, *values = exactly(row[1:], len(columns) + 1, "statistics row")
    if not 0 <= checked_count(number, "layer number") < len(layers):
        raise FileFormatError.expected("layer number", expected=f"less than {len(layers)}", got=number)
    fields = dict(zip(columns, values, strict=True))
    for name in fields:
        if name in _FLOATS:
            fields[name] = decode_statistic(fields[name])
        elif name in _COUNTS or (name in _OPTIONAL_COUNTS and fields[name] is not None):
            checked_count(fields[name], name)
    fields["time_ns"] += origin_ns
    fields["histogram"] = None if fields["histogram"] is None else checked_shape(fields["histogram"], "histogram")
    fields["output_values"] = _decode_array(fields["output_values"])
    places = layers[number]["parameters"]
    found = exactly(checked_list(fields["parameters"], "parameters"), len(places), "norms of parameters")
    fields["parameters"] = StoredNorms(places, [_read_parameter(values) for values in found])
    return LayerStats(**(layers[number] | fields), phase="forward" if row[0] == FORWARD else "backward")


def _read_parameter(row: object) -> list[float]:
    values = checked_list(row, "norms of a parameter")
    if len(values) > len(PARAMETER_COLUMNS):
        raise FileFormatError.expected("norms of a parameter", expected=f"{len(PARAMETER_COLUMNS)}", got=len(values))
    return [decode_statistic(value) for value in values]


def read_event(row: Row, origin_ns: int) -> TrainingEvent:
    """The event from its row; raises FileFormatError."""
    fields = dict(zip(EVENT_COLUMNS, exactly(row[1:], len(EVENT_COLUMNS), "event row"), strict=True))
    if fields["type"] not in get_args(EventType):
        got = repr(fields["type"])[:40]
        raise FileFormatError.expected("event type", expected=f"one of {get_args(EventType)}", got=got)
    for name in _EVENT_COUNTS:
        checked_count(fields[name], name)
    for name in _EVENT_FLOATS:
        fields[name] = None if fields[name] is None else decode_statistic(fields[name])
    for name in ("path", "text"):
        if fields[name] is not None:
            checked_text(fields[name], name)
    fields["time_ns"] += origin_ns
    return TrainingEvent(**fields)


def _encode_array(values: Array | None) -> dict[str, Any] | None:
    if values is None:
        return None
    data = np.ascontiguousarray(values, "<f4").tobytes()
    return {"shape": list(values.shape), "f32": base64.b64encode(data).decode("ascii")}


def _decode_array(value: object) -> Array | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("f32"), str):
        raise FileFormatError.expected("output_values", expected='null or {"shape", "f32"}', got=repr(value)[:40])
    shape = checked_shape(value.get("shape"), "shape of output_values")
    try:
        data = base64.b64decode(value["f32"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise FileFormatError(f"output_values: base64 expected: {error}") from error
    if len(data) != 4 * size_of(shape):
        raise FileFormatError.expected("output_values", expected=f"{4 * size_of(shape)} bytes", got=len(data))
    return np.frombuffer(data, "<f4").reshape(shape).astype(np.float32)


def tween_row(step: TweenStep, origin_ns: int) -> Row:
    """The row of a step of neural tweening."""
    times = [step.step, step.epoch, step.batch, step.time_ns - origin_ns]
    views = [_view_row(view) for view in step.views]
    floats = [encode_statistic(getattr(step, name)) for name in _TWEEN_FLOATS]
    return [TWEEN, *times, *floats, *(getattr(step, name) for name in _TWEEN_FLAGS), views]


def read_tween(row: Row, origin_ns: int) -> TweenStep:
    """The step of neural tweening from its row; raises FileFormatError."""
    fields = dict(zip(TWEEN_COLUMNS, exactly(row[1:], len(TWEEN_COLUMNS), "tween row"), strict=True))
    for name in _TWEEN_COUNTS:
        checked_count(fields[name], name)
    for name in _TWEEN_FLOATS:
        absent = name == "accuracy" and fields[name] is None
        fields[name] = None if absent else decode_statistic(fields[name])
    for name in _TWEEN_FLAGS:
        if not isinstance(fields[name], bool):
            raise FileFormatError.expected(name, expected="true or false", got=repr(fields[name])[:40])
    fields["views"] = tuple(_read_view(view) for view in checked_list(fields["views"], "views"))
    fields["time_ns"] += origin_ns
    return TweenStep(**fields)


def _view_row(view: TweenView) -> Row:
    floats = (encode_statistic(getattr(view, name)) for name in _VIEW_FLOATS)
    return [view.path, *floats, *(getattr(view, name) for name in _VIEW_COUNTS)]


def _read_view(row: object) -> TweenView:
    fields = dict(zip(VIEW_COLUMNS, exactly(checked_list(row, "view"), len(VIEW_COLUMNS), "view"), strict=True))
    floats = {name: decode_statistic(fields[name]) for name in _VIEW_FLOATS}
    counts = {name: checked_count(fields[name], name) for name in _VIEW_COUNTS}
    return TweenView(path=checked_text(fields["path"], "path"), **floats, **counts)  # type: ignore[arg-type]
