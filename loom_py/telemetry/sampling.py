"""How often an observer is told: every N-th run, or as often as its share of the time allows."""

from __future__ import annotations

import math

MEMORY = 0.8
"""Weight of the past in the running means; a noisy machine asks for a long one."""
LONGEST_GAP = 10_000


class Pace:
    """When one observer is due.

    `gap` is how many runs lie unwatched between two that are watched; with a budget at least one, to measure by.

    With a budget the cost of a watched run is measured against the runs between, and the gap is made so long that the
    cost takes at most that share of the time. The first runs of each kind are left out: they compile.
    """

    def __init__(self, every: int, budget: float | None) -> None:
        self.every, self.budget = max(every, 1), budget
        self.gap = max(self.every - 1, 1)
        self._bare, self._watched = math.nan, math.nan
        self._seen = {True: 0, False: 0}
        self._waited = 0

    def due(self, tick: int) -> bool:
        """Whether to watch run number `tick`."""
        if self.budget is None:
            return tick % self.every == 0
        if self._seen[False] < 2:
            return False  # what is not known yet is what a run costs when nobody watches
        return self._waited >= self.gap

    def note(self, watched: bool, ns: int) -> None:
        """Take the time of a run."""
        if self.budget is None:
            return
        self._waited = 0 if watched else self._waited + 1
        self._seen[watched] += 1
        if self._seen[watched] > 1:
            self._learn(watched, ns)
        if self._seen[True] > 1 and self._seen[False] > 1:
            dearer = self._extra * (1 - self.budget) / (self.budget * max(self._bare, 1.0))
            self.gap = min(max(math.ceil(dearer) - 1, self.every - 1, 1), LONGEST_GAP)

    def _learn(self, watched: bool, ns: int) -> None:
        past = self._watched if watched else self._bare
        mean = ns if math.isnan(past) else MEMORY * past + (1 - MEMORY) * ns
        if watched:
            self._watched = mean
        else:
            self._bare = mean

    @property
    def _extra(self) -> float:
        return max(self._watched - self._bare, 0.0)

    @property
    def share(self) -> float | None:
        """Part of the time that watching takes at this gap; None until it was measured."""
        if math.isnan(self._watched) or math.isnan(self._bare):
            return None
        return self._extra / (self._extra + (self.gap + 1) * self._bare)
