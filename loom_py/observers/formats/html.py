"""A recording as one HTML file: the dashboard with a slider over the run, and the findings about it.

The file has everything in it and loads nothing. The dashboard's script is built from `web/visualiser/notebook`.
"""

from __future__ import annotations

import base64
import gzip
import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loom_py.atomic_file import write_whole
from loom_py.diagnose.diagnosis import diagnose
from loom_py.diagnose.finding import Finding
from loom_py.errors import ConfigError, UnavailableError
from loom_py.observers.records.file import Header
from loom_py.observers.records.json_values import plain_data
from loom_py.observers.records.messages import STATS_COLUMNS, TRAINING_COLUMNS, Message, MessageBuffer, anomaly
from loom_py.observers.records.rows import AnyRecord
from loom_py.strict_json import dumps
from loom_py.telemetry.events import LayerStats, TrainingEvent, TweenStep

FRAMES = 300
"""Most moments at which the slider stops."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ margin: 0; padding: 16px; background: #f3f5f8; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0d1117; }} }}
</style>
</head>
<body>
<noscript>This recording needs JavaScript.</noscript>
<script type="application/x-loom-recording">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Records and their header, as `diagnose` reads a recording."""

    records: Sequence[LayerStats | TrainingEvent]
    header: Header

    def get_records(self) -> list[LayerStats | TrainingEvent]:
        return list(self.records)


def dashboard_script() -> str:
    """The script of the dashboard.

    Raises:
        UnavailableError: this installation has none.
    """
    path = Path(__file__).with_name("dashboard.js")
    if not path.exists():
        raise UnavailableError.expected(
            "dashboard", expected="its script in the package", got="none, since this copy was installed without Node",
            do="install a released wheel, or run `npm run setup` in the repository",
        )  # fmt: skip
    return path.read_text(encoding="utf-8")


def to_html(records: Iterable[AnyRecord], header: Header, title: str, findings: Sequence[Finding] | None) -> str:
    """The file's text; findings of None are those of `diagnose`.

    Raises:
        ConfigError: the recording does not have the network's structure. UnavailableError: as `dashboard_script`.
    """
    script = dashboard_script()
    if header.blueprint is None:
        raise ConfigError.expected(
            "recording", expected="one of a network, with its structure", got="none",
            do="attach the observer by set_observer before training",
        )  # fmt: skip
    found = [record for record in records if not isinstance(record, TweenStep)]
    data = {
        "title": title,
        "facts": [fact for fact in _facts(found, header) if fact],
        "findings": [_told(f) for f in (diagnose(_Kept(found, header)) if findings is None else findings)],
        "blueprint": header.blueprint,
        "columns": {"stats": STATS_COLUMNS, "training": TRAINING_COLUMNS},
        "frames": list(_frames(found, header)),
    }
    packed = gzip.compress(dumps(data).encode(), mtime=0)
    return _PAGE.format(title=html.escape(title), data=base64.b64encode(packed).decode(), script=script)


def export_html(records: Iterable[AnyRecord], header: Header, path: Path) -> Path:
    """Write the file; returns its path."""
    return write_whole(path, [to_html(records, header, path.stem, None).encode()])


def _told(finding: Finding) -> dict[str, str | None]:
    tried = f" Try: {'; '.join(finding.suggestions)}." if finding.suggestions else ""
    text = finding.explanation + (f" A consequence of {finding.cause}." if finding.cause else tried)
    return {"severity": finding.severity, "cause": finding.cause, "headline": f"{finding.name}.", "text": text}


def _facts(records: Sequence[LayerStats | TrainingEvent], header: Header) -> Iterator[str]:
    blueprint = header.blueprint or {}
    yield f"{blueprint.get('total_params', 0):,} parameters"
    steps = sum(isinstance(record, TrainingEvent) and record.type == "batch_end" for record in records)
    yield f"{steps:,} steps" if steps else ""
    yield f"seed {header.seed}" if header.seed is not None else ""
    yield f"the oldest {header.dropped:,} records are missing" if header.dropped else ""


def _frames(records: Sequence[LayerStats | TrainingEvent], header: Header) -> Iterator[dict[str, Any]]:
    """The messages of a live run in at most FRAMES parts."""
    buffer = MessageBuffer()
    buffer.blueprint(header.blueprint)
    step, at = 0, 0.0
    for part in _parts(records):
        messages: list[Message] = []
        for record in part:
            if isinstance(record, LayerStats):
                buffer.stats.add(record)
            elif record.type == "anomaly":
                messages += [*buffer.take(len(part)), anomaly(record)]
            else:
                buffer.add_event(record)
                step = record.step
            at = max(at, (record.time_ns - header.time_origin_ns) / 1e6)
        messages += buffer.take(len(part))
        yield {"step": step, "at": at, "messages": [_plain(message) for message in messages]}


def _parts(records: Sequence[LayerStats | TrainingEvent]) -> Iterator[list[LayerStats | TrainingEvent]]:
    """Records in order, in at most FRAMES parts of whole steps; the last has what follows the last step."""
    ends = [number for number, record in enumerate(records, 1) if getattr(record, "type", None) == "batch_end"]
    every = max(-(-len(ends) // FRAMES), 1)
    start = 0
    for end in [*ends[every - 1 : -1 : every], len(records)]:
        if part := list(records[start:end]):
            yield part
        start = end


def _plain(message: Message) -> dict[str, Any]:
    """A message as JSON can carry it: numbers as base64 of little-endian float32."""
    if message["kind"] == "anomaly":
        return {"kind": "anomaly", "event": plain_data(message["event"])}
    numbers = base64.b64encode(message["data"].astype("<f4").tobytes()).decode()
    return {name: value for name, value in message.items() if name != "columns"} | {"data": numbers}
