"""CSV of a recording (RFC 4180): absent values are empty, NaN and infinities are texts.

`kind` is the kind of the row: "forward" or "backward" of a layer, followed by a row "forward_parameter" or
"backward_parameter" for each of its parameter arrays; the type of a training event; "tween" for a step of neural
tweening, followed by a row "tween_view" for each layer.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from loom_py.atomic_file import write_whole
from loom_py.observers.records.file import Header
from loom_py.observers.records.json_values import encode_statistic
from loom_py.observers.records.rows import LAYER_COLUMNS, AnyRecord
from loom_py.observers.records.rows import STATS_COLUMNS as ROW_COLUMNS
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.statistics import EVENT_STATISTICS, TWEEN_STATISTICS, VIEW_STATISTICS, names

_STATS = tuple(name for name in ROW_COLUMNS if name not in ("parameters", "histogram", "output_values"))
_TWEEN = names((*TWEEN_STATISTICS, *VIEW_STATISTICS))
COLUMNS = tuple(
    dict.fromkeys(("kind", "parameter", *LAYER_COLUMNS, *_STATS, *names(EVENT_STATISTICS), "text", *_TWEEN))
)
_WHERE = ("layer_index", "layer_type", "path", "step", "epoch", "batch", "time_ns")


def export_csv(records: Iterable[AnyRecord], header: Header, path: Path) -> Path:
    """Write the CSV file; returns its path."""
    return write_whole(path, (text.encode() for text in _lines(records)))


def _lines(records: Iterable[AnyRecord]) -> Iterator[str]:
    yield _line(COLUMNS)
    for record in records:
        where = {name: getattr(record, name, None) for name in _WHERE}
        if isinstance(record, LayerStats):
            yield _row(record, kind=record.phase)
            for name, parameter in record.parameters.items():
                yield _row(parameter, kind=f"{record.phase}_parameter", parameter=name, **where)
        elif isinstance(record, TrainingEvent):
            yield _row(record, kind=record.type)
        else:
            yield _row(record, kind="tween")
            for view in record.views:
                yield _row(view, kind="tween_view", **(where | {"path": view.path}))


def _row(owner: object, **cells: object) -> str:
    """A line of an object's fields and additional cells."""
    return _line(_cell(cells[name] if name in cells else getattr(owner, name, None)) for name in COLUMNS)


def _cell(value: object) -> object:
    if isinstance(value, float | np.floating):
        return encode_statistic(value if isinstance(value, float) else float(value))
    if isinstance(value, bool):
        return int(value)
    return "x".join(map(str, value)) if isinstance(value, tuple) else value


def _line(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
