"""The formats that a recording can be exported to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from loom_py.observers.csv_export import export_csv
from loom_py.observers.otlp_json import export_otlp
from loom_py.observers.recording_file import Header
from loom_py.observers.rows import Kept
from loom_py.observers.tensorboard import export_tensorboard
from loom_py.observers.trace import export_trace

EXPORTS: dict[str, Callable[[Iterable[Kept], Header, Path], Path]] = {
    "tensorboard": export_tensorboard,
    "trace": export_trace,
    "otlp": export_otlp,
    "csv": export_csv,
}
