"""CSV of a recording: one row a record, empty where a value is absent, NaN and infinities in words (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from loom_py.events import LayerStats
from loom_py.observers.files import write_whole
from loom_py.observers.plain import encode_float
from loom_py.observers.recording_file import Header
from loom_py.observers.rows import LAYER_COLUMNS, Record
from loom_py.observers.rows import STATS_COLUMNS as ROW_COLUMNS
from loom_py.observers.scalars import EVENT_NUMBERS

_STATS = tuple(name for name in ROW_COLUMNS if name not in ("histogram", "output_values"))
COLUMNS = ("kind", *LAYER_COLUMNS, *_STATS, *(n for n in EVENT_NUMBERS if n not in _STATS), "text")


def export_csv(records: Iterable[Record], header: Header, path: Path) -> Path:
    """Write the CSV file; returns its path."""
    return write_whole(path, (text.encode() for text in _lines(records)))


def _lines(records: Iterable[Record]) -> Iterator[str]:
    yield _line(COLUMNS)
    for record in records:
        kind = record.phase if isinstance(record, LayerStats) else record.type
        yield _line([kind, *(_cell(getattr(record, name, None)) for name in COLUMNS[1:])])


def _cell(value: object) -> object:
    if isinstance(value, float | np.floating):
        return encode_float(value if isinstance(value, float) else float(value))
    return "x".join(map(str, value)) if isinstance(value, tuple) else value


def _line(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
