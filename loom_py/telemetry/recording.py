"""A recorded run as comparison and diagnosis read it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from loom_py.telemetry.events import LayerStats, TrainingEvent


@runtime_checkable
class Recording(Protocol):
    """A recorded run: a RecordingObserver, or any object with its records."""

    def get_records(self) -> list[LayerStats | TrainingEvent]:
        """All records in order."""
