"""Alarms with hysteresis: raised after several bad values in a row, ended by good ones, so that they do not flicker."""

from __future__ import annotations

from dataclasses import dataclass, field

RECOVERY = 10


@dataclass(slots=True)
class Alarm:
    """A threshold with hysteresis, for each key separately.

    Attributes:
        enter: threshold of bad values; above `leave`, larger is worse, below it, smaller.
        leave: threshold of good values; 10 of them in a row end the alarm.
        patience: bad values in a row that raise the alarm.
    """

    enter: float
    leave: float
    patience: int
    _bad: dict[str, int] = field(default_factory=dict)
    _good: dict[str, int] = field(default_factory=dict)
    _active: set[str] = field(default_factory=set)

    def update(self, key: str, value: float) -> bool:
        """Add a value (NaN is ignored); True if it raises the alarm."""
        if value != value:
            return False
        worse = 1 if self.enter > self.leave else -1
        self._bad[key] = self._bad.get(key, 0) + 1 if worse * value >= worse * self.enter else 0
        self._good[key] = self._good.get(key, 0) + 1 if worse * value <= worse * self.leave else 0
        if self._good[key] >= RECOVERY:
            self._active.discard(key)
        if self._bad[key] < self.patience or key in self._active:
            return False
        self._active.add(key)
        return True

    def in_a_row(self, key: str) -> int:
        """Bad values up to now."""
        return self._bad.get(key, 0)

    def active(self, key: str) -> bool:
        """Whether the alarm is raised and has not ended."""
        return key in self._active
