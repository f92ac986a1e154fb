"""Overflow of updates: how long steps may go unchecked, and what an update made infinite.

A step is unchecked where its update can't overflow: weights and optimizer state had room for growth at the last check,
the steps since then have not used it up, and the norm of all gradients is small. So a check of all that an update made
costs nothing in a healthy run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from loom_py.engine.layout import NORM_LIMIT, WEIGHTS, Layout, Place, optimizer_area
from loom_py.engine.update import StepOptions
from loom_py.executors.base import Memory
from loom_py.optimizers import LARGEST_START, Optimizer
from loom_py.shapes import Array

UNCHECKED_NORM = np.float32(2.0**20)
"""Largest norm of all gradients at which an update is made unchecked; part of the bounds of `Optimizer.wear`."""
CHECKED_NORM = np.finfo(np.float32).max
"""Largest norm at which an update is made and then checked: any finite one."""
LEAST_WEAR = 2.0**-20
"""Share of the room that every step uses, for roundings."""


class Headroom:
    """Room for growth of weights and optimizer state.

    Attributes:
        left: share of it left, 1 after a check of comfortable values; none is left at 0 or below.
    """

    def __init__(self, left: float = 1.0) -> None:
        self.left = left
        self._known: tuple[StepOptions, float] | None = None

    def covers(self, options: StepOptions, rate: float) -> bool:
        """Whether the next step can't overflow where the norm of its gradients is small; counts the step."""
        if self._known is None or self._known[0] is not options:
            self._known = options, _wear(options)
        self.left -= self._known[1] * rate + LEAST_WEAR
        return self.left > 0

    def check(self, optimizer: Optimizer, weights: Iterable[Array], state: Mapping[str, Array]) -> None:
        """Set the room from current values, all of them finite."""
        small = all(_largest(array) <= LARGEST_START for array in (*weights, *state.values()))
        self.left = 1.0 if small and optimizer.settled(state) else 0.0

    def note(self, values: Iterable[Array]) -> None:
        """Count new values of parameters: large ones leave no room."""
        if not all(_largest(array) <= LARGEST_START for array in values):
            self.left = 0.0


def _wear(options: StepOptions) -> float:
    """Largest wear of all groups of parameters, for a learning rate of 1."""
    groups = [group.applied(options.optimizer).wear() * group.rate for group in options.groups]
    return max([options.optimizer.wear(), *groups])


def _largest(array: Array) -> float:
    return float(np.abs(array).max(initial=0.0))


class UpdateCheck:
    """Weights and optimizer state before an update, to be compared and restored after it."""

    def __init__(self, memory: Memory, layout: Layout, optimizer: Optimizer) -> None:
        self._memory, self._layout, self._optimizer = memory, layout, optimizer
        self._areas = {name: optimizer_area(optimizer.name, name) for name in optimizer.state()}
        self._before = {area: self._read(area) for area in (WEIGHTS, *self._areas.values())}

    def _read(self, area: str) -> Array:
        return self._memory.read(area, 0, (self._layout.sizes[WEIGHTS] // 4,))

    def finish(self, headroom: Headroom) -> tuple[str, ...]:
        """Names of what is not finite now, such as "0.weight"; if there are any, all of it is restored."""
        after = {area: self._read(area) for area in self._before}
        infinite = tuple(self._infinite(after)) if not all(_finite(array) for array in after.values()) else ()
        if infinite:
            self.restore()
        else:
            headroom.check(self._optimizer, [after[WEIGHTS]], {n: after[area] for n, area in self._areas.items()})
        return infinite

    def restore(self) -> None:
        """Write back the values from before the update."""
        for area, array in self._before.items():
            self._memory.write(area, 0, array)

    def _infinite(self, after: Mapping[str, Array]) -> Iterable[str]:
        names = {WEIGHTS: "", **{area: f"{self._optimizer.name}'s {name} of " for name, area in self._areas.items()}}
        for area, what in names.items():
            yield from (what + place.name for place in self._layout.trained if not _finite(_part(after[area], place)))


def _part(array: Array, place: Place) -> Array:
    start, stop = place.elements
    return array[start:stop]


def _finite(array: Array) -> bool:
    return bool(np.isfinite(array).all())


def may_update(memory: Memory) -> bool:
    """Whether no refused step blocks the steps started after it."""
    return bool(memory.read(NORM_LIMIT, 0, ()) >= 0)
