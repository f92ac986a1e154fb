"""Approximate sizes of records in memory, for limits in bytes.

Measured with tracemalloc on CPython 3.13, entry in a buffer included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loom_py.observers.records.norms import StoredNorms
from loom_py.observers.records.rows import AnyRecord
from loom_py.telemetry.events import LayerStats, ParameterStats, TrainingEvent
from loom_py.telemetry.frame import StatsFrame

_STATS_BYTES, _EVENT_BYTES, _FRAME_BYTES, _ARRAY_BYTES = 700, 400, 600, 200  # without what they hold
_PARAMETER_BYTES, _VIEW_BYTES, _COUNT_BYTES, _CHARACTER_BYTES = 250, 200, 36, 1


def record_bytes(record: AnyRecord) -> int:
    """Approximate size of a record in bytes, with all that it holds."""
    if isinstance(record, LayerStats):
        counts = 0 if record.histogram is None else _COUNT_BYTES * len(record.histogram)
        return _STATS_BYTES + _norms_bytes(record.parameters) + counts + value_bytes(record)
    if isinstance(record, TrainingEvent):
        return _EVENT_BYTES + _CHARACTER_BYTES * (len(record.path or "") + len(record.text or ""))
    return _EVENT_BYTES + sum(_VIEW_BYTES + _CHARACTER_BYTES * len(view.path) for view in record.views)


def identity_bytes(identity: Mapping[str, Any]) -> int:
    """Approximate size in bytes of a layer's identity as it is read from a file."""
    return _STATS_BYTES + _PARAMETER_BYTES * len(identity["parameters"])


def value_bytes(record: LayerStats) -> int:
    """Size of a record's output values in bytes."""
    return 0 if record.output_values is None else record.output_values.nbytes


def frame_bytes(frame: StatsFrame) -> int:
    """Approximate size of a frame in bytes, output values included."""
    return _FRAME_BYTES + frame.nbytes + _ARRAY_BYTES * len(frame.large)


def _norms_bytes(norms: Mapping[str, ParameterStats]) -> int:
    return norms.nbytes if isinstance(norms, StoredNorms) else _PARAMETER_BYTES * len(norms)
