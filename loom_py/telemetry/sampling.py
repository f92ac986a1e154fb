"""Sampling for an observer: every N-th run, or as often as fits in its share of run time."""

from __future__ import annotations

import math

from loom_py.config.fields import BudgetShare, check_value

MEMORY = 0.8
"""Weight of the past in the running means; long, because machines are noisy."""
LONGEST_GAP = 10_000


class Sampling:
    """The runs for which one observer is due.

    `gap` is the number of runs between two measured ones; with a budget at least one, for comparison.

    With a budget, the cost of a measured run is compared with the runs between, and the gap is chosen so that the cost
    takes at most that share of run time. The first runs of each kind do not count: they compile.
    """

    def __init__(self, every: int, budget: float | None) -> None:
        check_value("budget", budget, BudgetShare | None)  # it may have been set after construction
        self.every, self.budget = max(every, 1), budget
        self.gap = max(self.every - 1, 1)
        self._bare, self._measured = math.nan, math.nan
        self._seen = {True: 0, False: 0}
        self._waited = 0

    def due(self, tick: int) -> bool:
        """Whether to measure run number `tick`."""
        if self.budget is None:
            return tick % self.every == 0
        if self._seen[False] < 2:
            return False  # the cost of an unmeasured run is not known yet
        return self._waited >= self.gap

    def note(self, measured: bool, ns: int) -> None:
        """Note the time of a run, in nanoseconds."""
        if self.budget is None:
            return
        self._waited = 0 if measured else self._waited + 1
        self._seen[measured] += 1
        if self._seen[measured] > 1:
            self._learn(measured, ns)
        if self._seen[True] > 1 and self._seen[False] > 1:
            needed = self._extra * (1 - self.budget) / (self.budget * max(self._bare, 1.0))
            self.gap = min(max(math.ceil(needed) - 1, self.every - 1, 1), LONGEST_GAP)

    def _learn(self, measured: bool, ns: int) -> None:
        past = self._measured if measured else self._bare
        mean = ns if math.isnan(past) else MEMORY * past + (1 - MEMORY) * ns
        if measured:
            self._measured = mean
        else:
            self._bare = mean

    @property
    def _extra(self) -> float:
        return max(self._measured - self._bare, 0.0)

    @property
    def share(self) -> float | None:
        """Share of run time that measuring takes at this gap; None until it was measured."""
        if math.isnan(self._measured) or math.isnan(self._bare):
            return None
        return self._extra / (self._extra + (self.gap + 1) * self._bare)
