"""Registry of export formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from loom_py.observers.formats.csv_export import export_csv
from loom_py.observers.formats.html import export_html
from loom_py.observers.formats.otlp import export_otlp
from loom_py.observers.formats.tensorboard import export_tensorboard
from loom_py.observers.formats.trace import export_trace
from loom_py.observers.records.file import Header
from loom_py.observers.records.rows import AnyRecord

EXPORTS: dict[str, Callable[[Iterable[AnyRecord], Header, Path], Path]] = {
    "tensorboard": export_tensorboard,
    "trace": export_trace,
    "otlp": export_otlp,
    "csv": export_csv,
    "html": export_html,
}
