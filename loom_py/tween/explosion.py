"""Explosion detection: lowers the learning rate when the gaps between activations and targets grow."""

from __future__ import annotations

import math
from collections.abc import Mapping

from loom_py.errors import FileFormatError
from loom_py.introspect import internal

WARM_UP = 10
"""Number of finite gaps averaged in the baseline."""
GROWTH = 1.5
"""Ratio of the smoothed gap to the previous one that counts as an explosion (a burst)."""
RISE = 2.0
"""Ratio of the smoothed gap to the lowest so far that counts as an explosion (a creep, with bounded activations)."""
SMOOTHING = 0.7
"""Weight of the previous smoothed gap at each step."""
NEGLIGIBLE = 1e-4
"""Gaps up to this size are never an explosion."""
LEAST = 0.01
_STATE: dict[str, tuple[type[float] | type[int], float]] = {
    "factor": (float, 1.0),
    "in_a_row": (int, 0),
    "baseline": (float, 0.0),
    "_seen": (int, 0),
    "_smooth": (float, math.nan),
    "_lowest": (float, math.inf),
}
"""Types of the state of a guard, and its initial values."""
RECOVERY = 1.05


class ExplosionGuard:
    """Monitors the mean gap of each step and determines a factor on the learning rate.

    The mean is smoothed, and growth counts only above the baseline: in a trained network one batch with an error has
    many times the gap of the batch before. A gap that is not finite is always an explosion. A limit relative to the
    baseline would add nothing: twice the lowest gap is reached first.

    Attributes:
        factor: factor on the learning rate, between 0.01 and 1.
        in_a_row: exploding steps in a row.
        baseline: mean of the first ten gaps.
    """

    def __init__(self) -> None:
        """Start without gaps."""
        self.factor = 1.0
        self.in_a_row = 0
        self.baseline = 0.0
        self._seen = 0
        self._smooth = math.nan
        self._lowest = math.inf

    @internal
    def state(self) -> dict[str, float | None]:
        """The state as JSON data; None for values that are not known yet."""
        known = {name: getattr(self, name) for name in _STATE}
        return {name: value if math.isfinite(value) else None for name, value in known.items()}

    @internal
    def restore(self, state: object) -> None:
        """Restore a result of `state`; raises FileFormatError for anything else."""
        known = state if isinstance(state, Mapping) else {}
        for name, (kind, unknown) in _STATE.items():
            value = known.get(name, "nothing")
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise FileFormatError.expected(f"explosion guard's {name}", expected="a number", got=repr(value)[:40])
            setattr(self, name, unknown if value is None else kind(value))

    def update(self, gap: float) -> bool:
        """Add the mean gap of a step; True if it is an explosion."""
        if not math.isfinite(gap):
            return self._slow_down()
        self._seen += 1
        before = self._smooth
        self._smooth = gap if math.isnan(before) else SMOOTHING * before + (1 - SMOOTHING) * gap
        self._lowest = min(self._lowest, self._smooth)
        if self._seen <= WARM_UP:
            self.baseline += (gap - self.baseline) / self._seen
        elif self._explodes(before):
            return self._slow_down()
        self.in_a_row = 0
        self.factor = min(self.factor * RECOVERY, 1.0)
        return False

    def _explodes(self, before: float) -> bool:
        high = self._smooth > max(self.baseline, NEGLIGIBLE)
        return high and (self._smooth > GROWTH * before or self._smooth > RISE * self._lowest)

    def _slow_down(self) -> bool:
        self.in_a_row += 1
        cut = 0.3 if self.in_a_row >= 10 else 0.5 if self.in_a_row >= 5 else 0.7
        self.factor = max(self.factor * cut, LEAST)
        return True
