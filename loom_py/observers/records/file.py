"""The recording file: versioned JSON Lines, a header and rows. A file that is cut off loads up to its last whole row.

Header: `{"format", "version", "blueprint", "config", "seed", "versions", "time_origin_ns", "dropped", "columns"}`.
Rows: see `rows`. A file of another format or version is refused, as is one with a damaged row before the last.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np

from loom_py.errors import FileFormatError
from loom_py.observers.records import rows
from loom_py.observers.records.json_values import plain_data
from loom_py.observers.records.rows import AnyRecord, Identity, Row
from loom_py.observers.records.size import identity_bytes
from loom_py.strict_json import dumps, loads
from loom_py.telemetry.events import TrainingEvent, TweenStep

FORMAT = "loom_py-recording"
VERSION = 1


@dataclass(slots=True, kw_only=True)
class Header:
    """Facts about the recorded network and the software."""

    blueprint: dict[str, Any] | None = None
    """The network's blueprint, as plain data; None if the recording was never attached to a network."""
    config: Any = None
    """The network's config; None if it is not known."""
    seed: int | None = None
    """Seed of the network; None if it is not known."""
    versions: dict[str, str] = field(default_factory=lambda: versions())
    """Versions of loom_py, python and numpy, and the platform."""
    time_origin_ns: int = 0
    """Origin of the rows' times, in nanoseconds since 1970."""
    dropped: int = 0
    """Number of records dropped for newer ones."""


def versions() -> dict[str, str]:
    """Versions of this package, Python and NumPy."""
    try:
        own = metadata.version("loom-py")
    except metadata.PackageNotFoundError:  # run from the source tree
        own = "source"
    return {"loom_py": own, "python": platform.python_version(), "numpy": np.__version__, "platform": sys.platform}


def write_lines(header: Header, records: Iterable[AnyRecord]) -> Iterator[str]:
    """The lines of a recording file, each with its newline."""
    yield (
        dumps({"format": FORMAT, "version": VERSION, **plain_data(header), "columns": plain_data(rows.COLUMNS)}) + "\n"
    )
    known: dict[Identity, int] = {}
    for record in records:
        if isinstance(record, TrainingEvent):
            yield dumps(rows.event_row(record, header.time_origin_ns)) + "\n"
            continue
        if isinstance(record, TweenStep):
            yield dumps(rows.tween_row(record, header.time_origin_ns)) + "\n"
            continue
        identity = rows.identity_of(record)
        if identity not in known:
            known[identity] = len(known)
            yield dumps(rows.layer_row(identity)) + "\n"
        yield dumps(rows.stats_row(record, known[identity], header.time_origin_ns)) + "\n"


@dataclass(slots=True)
class Reader:
    """Reads a recording file's lines.

    Attributes:
        header: the header, after it was read.
        truncated: whether the file ended in the middle of a row.
        memory_bytes: approximate size in bytes of the layers' identities.
    """

    header: Header = field(default_factory=Header)
    truncated: bool = False
    memory_bytes: int = 0
    _columns: tuple[str, ...] = ()
    _layers: list[dict[str, Any]] = field(default_factory=list)

    def read(self, lines: Iterable[bytes]) -> Iterator[AnyRecord]:
        """The records of the file, in order; raises FileFormatError with the number of the bad line."""
        stream = iter(lines)
        self.header, self._columns = _read_header(next(stream, b""))
        number = 1
        for line in stream:
            number += 1
            if not line.strip():
                continue
            try:
                record = self._record(_parse(line))
            except FileFormatError as error:
                if not line.endswith(b"\n"):  # writing was cut off here
                    self.truncated = True
                    return
                raise FileFormatError(f"line {number} of the recording is damaged: {error}") from error
            if record is not None:
                yield record

    def _record(self, row: Row) -> AnyRecord | None:
        match row[0]:
            case rows.LAYER:
                self._layers.append(rows.read_identity(row))
                self.memory_bytes += identity_bytes(self._layers[-1])
                return None
            case rows.FORWARD | rows.BACKWARD:
                return rows.read_stats(row, self._columns, self._layers, self.header.time_origin_ns)
            case rows.EVENT:
                return rows.read_event(row, self.header.time_origin_ns)
            case rows.TWEEN:
                return rows.read_tween(row, self.header.time_origin_ns)
        raise FileFormatError.expected("kind of row", expected="0, 1, 2, 3 or 4", got=repr(row[0])[:40])


def _parse(line: bytes) -> Row:
    row = loads(line, "row")
    if not isinstance(row, list) or not row or isinstance(row[0], bool):
        raise FileFormatError.expected("row", expected="a list that begins with its kind", got=repr(row)[:40])
    return row


def _read_header(line: bytes) -> tuple[Header, tuple[str, ...]]:
    try:
        found = loads(line, "header")
    except FileFormatError as error:
        raise FileFormatError(f"not a recording: its first line must be a JSON header: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        got = found.get("format") if isinstance(found, dict) else type(found).__name__
        raise FileFormatError.expected("format of the recording", expected=FORMAT, got=repr(got)[:40])
    if found.get("version") != VERSION:
        raise FileFormatError.expected(
            "version of the recording",
            expected=VERSION,
            got=repr(found.get("version"))[:40],
            do="open it with the release that wrote it",
        )
    return _checked_header(found), rows.read_columns(found.get("columns"))


def _checked_header(found: dict[str, Any]) -> Header:
    kinds: dict[str, type | tuple[type, ...]] = {
        "blueprint": (dict, type(None)),
        "seed": (int, type(None)),
        "versions": dict,
        "time_origin_ns": int,
        "dropped": int,
    }
    for name, kind in kinds.items():
        if name not in found or not isinstance(found[name], kind):
            raise FileFormatError(f"the header's {name} is missing or of the wrong kind")
    return Header(
        blueprint=found["blueprint"],
        config=found.get("config"),
        seed=found["seed"],
        versions=found["versions"],
        time_origin_ns=found["time_origin_ns"],
        dropped=found["dropped"],
    )
