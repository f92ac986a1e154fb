"""Passes: the records of all layers in one forward or one backward run."""

from __future__ import annotations

from dataclasses import dataclass, field

from loom_py.diagnose.structure import is_inside
from loom_py.telemetry.events import LayerStats, Phase


@dataclass(slots=True)
class Pass:
    """One run of the network, forward or backward, as far as it was observed."""

    phase: Phase
    step: int
    records: dict[str, LayerStats] = field(default_factory=dict)
    """Records by layer path, in order of execution."""

    def leaves(self) -> list[LayerStats]:
        """Records of layers that have no observed layer inside."""
        paths = list(self.records)
        return [s for s in self.records.values() if not any(is_inside(other, s.path) for other in paths)]


class PassBuilder:
    """Groups records into passes; a record of another pass ends the current one."""

    def __init__(self) -> None:
        """Start without a pass."""
        self._current: Pass | None = None

    def add(self, stats: LayerStats) -> Pass | None:
        """Add a record; returns the previous pass if this record begins a new one."""
        current = self._current
        if (
            current is not None
            and (current.phase, current.step) == (stats.phase, stats.step)
            and stats.path not in current.records
        ):
            current.records[stats.path] = stats
            return None
        self._current = Pass(stats.phase, stats.step, {stats.path: stats})
        return current

    def end(self) -> Pass | None:
        """End the current pass and return it."""
        current, self._current = self._current, None
        return current
