"""Alarms that do not flicker: they go off after several bad values in a row and rest until the value is good again."""

from __future__ import annotations

from dataclasses import dataclass, field

RECOVERY = 10


@dataclass(slots=True)
class Alarm:
    """A threshold with hysteresis, kept for each key apart.

    Attributes:
        enter: values at least this bad count.
        leave: 10 values in a row at most this bad end the alarm.
        patience: bad values in a row before it goes off.
    """

    enter: float
    leave: float
    patience: int
    _bad: dict[str, int] = field(default_factory=dict)
    _good: dict[str, int] = field(default_factory=dict)
    _active: set[str] = field(default_factory=set)

    def update(self, key: str, value: float) -> bool:
        """Note a value (NaN is passed over); True at the moment when the alarm goes off."""
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

    def active(self, key: str) -> bool:
        """Whether the alarm went off and has not ended."""
        return key in self._active
