"""Explosion detection: the rate falls when the gaps between activations and targets grow, and recovers after."""

from __future__ import annotations

import math
from collections.abc import Mapping

from loom_py.errors import FileFormatError
from loom_py.introspect import internal

WARM_UP = 10
"""Finite gaps that the baseline is the mean of."""
GROWTH = 1.5
"""Smoothed gap over the one before it, from which on it explodes: a burst."""
RISE = 2.0
"""Smoothed gap over the lowest so far, from which on it explodes: a creep, as bounded activations have it."""
SMOOTHING = 0.7
"""How much of the smoothed gap is kept at each step."""
NEGLIGIBLE = 1e-4
"""Gaps of no more are no base to judge from."""
LEAST = 0.01
_STATE: dict[str, tuple[type[float] | type[int], float]] = {
    "factor": (float, 1.0),
    "in_a_row": (int, 0),
    "baseline": (float, 0.0),
    "_seen": (int, 0),
    "_smooth": (float, math.nan),
    "_lowest": (float, math.inf),
}
"""Kinds of what a guard knows, and what stands where it knows nothing yet."""
RECOVERY = 1.05


class ExplosionGuard:
    """Watches the mean gap of each step and says by which factor the rate is to be multiplied.

    The mean is smoothed, and growth counts only above the baseline: where a net has learned, one batch with an error in
    it has many times the gap of the batch before. A gap that is not finite always is an explosion. A bound at so
    and so many times the baseline would add nothing: twice the lowest comes first.

    Attributes:
        factor: what the learning rate is multiplied by, between 0.01 and 1.
        in_a_row: exploding steps without a calm one between.
        baseline: mean of the first ten gaps.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.factor = 1.0
        self.in_a_row = 0
        self.baseline = 0.0
        self._seen = 0
        self._smooth = math.nan
        self._lowest = math.inf

    @internal
    def state(self) -> dict[str, float | None]:
        """All it knows, as JSON can say it: None for what it does not know yet."""
        known = {name: getattr(self, name) for name in _STATE}
        return {name: value if math.isfinite(value) else None for name, value in known.items()}

    @internal
    def restore(self, state: object) -> None:
        """Know what `state` gave; raises FileFormatError where it is something else."""
        known = state if isinstance(state, Mapping) else {}
        for name, (kind, unknown) in _STATE.items():
            value = known.get(name, "nothing")
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise FileFormatError.expected(f"explosion guard's {name}", expected="a number", got=repr(value)[:40])
            setattr(self, name, unknown if value is None else kind(value))

    def update(self, gap: float) -> bool:
        """Take the mean gap of a step; True when it explodes."""
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
