"""Comparison of two recorded runs: differences, and final losses."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from loom_py.errors import ConfigError
from loom_py.observers.records.rows import Record
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.recording import Recording
from loom_py.telemetry.statistics import EVENT_STATISTICS, LAYER_STATISTICS

# Times depend on the machine's load and are not compared.
_LAYER_FIELDS = tuple(s.name for s in LAYER_STATISTICS if s.kind != "clock")
_EVENT_FIELDS = tuple(s.name for s in EVENT_STATISTICS if s.kind != "clock")

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that differs between two runs."""

    step: int
    """Training step."""
    where: str
    """Layer path and phase, or the type of the event."""
    field: str
    """Name of the number."""
    a: float | None
    """Its value in the first run."""
    b: float | None
    """Its value in the second run."""

    def __str__(self) -> str:
        """The difference in one line."""
        return f"step {self.step}, {self.where}: {self.field} {self.a} against {self.b}"


@dataclass(slots=True)
class RecordingComparison:
    """Differences between two recordings."""

    compared: int = 0
    """Records in both runs."""
    only_in_a: int = 0
    """Records that are missing in the second run."""
    only_in_b: int = 0
    """Records that are missing in the first run."""
    differing: int = 0
    """Records in both runs with a number that differs by more than the tolerance."""
    first_difference: Difference | None = None
    """First difference between the runs; None if there is none."""
    largest: dict[str, Difference] = field(default_factory=dict)
    """Largest difference of each field."""
    final_loss_a: float | None = None
    """Last training loss of the first run."""
    final_loss_b: float | None = None
    """Last training loss of the second run."""

    @property
    def same(self) -> bool:
        """Whether both have the same records with the same numbers, within the tolerance."""
        return not (self.differing or self.only_in_a or self.only_in_b)

    def __str__(self) -> str:
        """The comparison in a few lines."""
        lines = [f"{self.compared} records in both, {self.only_in_a} only in a, {self.only_in_b} only in b"]
        if self.first_difference:
            lines.append(f"{self.differing} differ, first at {self.first_difference}")
        else:
            lines.append("no number differs")
        lines.append(f"final loss: {self.final_loss_a} against {self.final_loss_b}")
        return "\n".join(lines)


def compare(a: Recording, b: Recording, *, tolerance: float = 0.0) -> RecordingComparison:
    """Compare two recordings record by record, without times and rates.

    Records match if phase or event type, layer path, step, epoch and batch are equal; several of the same key match in
    order. NaN equals NaN.

    Args:
        a: first recording.
        b: second recording.
        tolerance: relative difference |a − b| / max(|a|, |b|) that counts as equal.

    Raises:
        ConfigError: the tolerance is negative or NaN.
    """
    if not tolerance >= 0:
        raise ConfigError.expected("tolerance", expected="0 or more", got=tolerance)
    found = RecordingComparison(final_loss_a=_final_loss(a), final_loss_b=_final_loss(b))
    others = dict(_keyed(b.get_records()))
    sizes: dict[str, float] = {}
    for key, record in _keyed(a.get_records()):
        other = others.pop(key, None)
        if other is None:
            found.only_in_a += 1
            continue
        found.compared += 1
        _compare_records(found, sizes, record, other, tolerance)
    found.only_in_b = len(others)
    return found


def _compare_records(
    found: RecordingComparison, sizes: dict[str, float], a: Record, b: Record, tolerance: float
) -> None:
    differs = False
    for name in _LAYER_FIELDS if isinstance(a, LayerStats) else _EVENT_FIELDS:
        value_a, value_b = getattr(a, name), getattr(b, name)
        size = _relative(value_a, value_b)
        if size <= tolerance:
            continue
        differs = True
        difference = Difference(a.step, _where(a), name, value_a, value_b)
        found.first_difference = found.first_difference or difference
        if size > sizes.get(name, 0.0):
            sizes[name] = size
            found.largest[name] = difference
    found.differing += differs


def _relative(a: float | None, b: float | None) -> float:
    """Relative difference; infinite if only one is None, or they differ and one is not finite."""
    if a is None or b is None:
        return 0.0 if a is b else math.inf
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(abs(a), abs(b))


def _keyed(records: Iterable[Record]) -> Iterator[tuple[Key, Record]]:
    seen: Counter[Key] = Counter()
    for record in records:
        key = _where(record), record.step, record.epoch, record.batch
        yield (*key, seen[key]), record
        seen[key] += 1


def _where(record: Record) -> str:
    return f"layer {record.path} {record.phase}" if isinstance(record, LayerStats) else f"event {record.type}"


def _final_loss(recording: Recording) -> float | None:
    losses = [r.loss for r in recording.get_records() if isinstance(r, TrainingEvent) and r.type == "batch_end"]
    return losses[-1] if losses else None
