"""Explosion detection: the rate falls when the gaps between activations and targets grow, and recovers after."""

from __future__ import annotations

import math

WARM_UP = 10
GROWTH = 1.5
FAR = 10.0
SMOOTHING = 0.7
LEAST = 0.01


class ExplosionGuard:
    """Watches the mean gap of each step.

    The mean is smoothed, so that one odd batch is no explosion; a gap that is not finite always is one.

    Attributes:
        factor: what the learning rate is multiplied by, between 0.01 and 1.
        in_a_row: exploding steps without a calm one between.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self.in_a_row = 0
        self._steps = 0
        self._baseline = 0.0
        self._smooth = math.nan

    def update(self, gap: float) -> bool:
        """Take the mean gap of a step; True when it explodes."""
        self._steps += 1
        if not math.isfinite(gap):
            return self._slow_down()
        before = self._smooth
        self._smooth = gap if math.isnan(before) else SMOOTHING * before + (1 - SMOOTHING) * gap
        if self._steps <= WARM_UP:
            self._baseline += (gap - self._baseline) / self._steps
            return False
        growth = self._smooth / before if before > 1e-4 else 1.0
        if growth > GROWTH or self._smooth > FAR * max(self._baseline, 1e-4):
            return self._slow_down()
        self.in_a_row = 0
        self.factor = min(self.factor * 1.05, 1.0)
        return False

    def _slow_down(self) -> bool:
        self.in_a_row += 1
        cut = 0.3 if self.in_a_row >= 10 else 0.5 if self.in_a_row >= 5 else 0.7
        self.factor = max(self.factor * cut, LEAST)
        return True
