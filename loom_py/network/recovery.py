"""When a device goes away in the middle of training: what it takes to go on elsewhere without losing a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from loom_py.executors.base import Executor
from loom_py.network.compile import StepOptions
from loom_py.network.flight import Flight
from loom_py.network.inputs import Feed
from loom_py.network.state import State
from loom_py.network.watching import Watch
from loom_py.optimizers import Optimizer
from loom_py.shapes import AnyArray

MOST_STEPS = 256
MOST_BYTES = 64 << 20
"""How many steps, and how many bytes of their data, are kept before the state is copied anew."""


@dataclass(slots=True)
class Entry:
    """A training step that was begun: enough to do it again."""

    feed: Feed
    rate: float
    options: StepOptions
    watch: Watch | None
    flight: Flight

    @property
    def nbytes(self) -> int:
        """Bytes of its data."""
        return sum(a.nbytes for a in (self.feed.x, self.feed.target, self.feed.mask) if a is not None)


class Journal:
    """A copy of the state on the host and the steps begun since: done again they give the state that was lost."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._areas: dict[str, AnyArray] = {}
        self._counts = 0, 0
        self._optimizer: Optimizer | None = None

    @property
    def due(self) -> bool:
        """Whether the state is to be copied anew before the next step."""
        many = len(self.entries) >= MOST_STEPS or sum(e.nbytes for e in self.entries) > MOST_BYTES
        return many or not self._areas

    def take(self, state: State) -> None:
        """Copy the state as all steps that were begun leave it; waits for them."""
        for entry in self.entries:
            entry.flight.landed()
        sizes = state.memory.sizes
        areas = {name: state.memory.read(name, 0, (nbytes,), np.uint8) for name, nbytes in sizes.items()}
        self._areas, self.entries = areas, []
        self._counts, self._optimizer = (state.steps, state.updates), state.optimizer

    def drop_after(self, flight: Flight) -> None:
        """Forget the steps begun after one that was refused: they were refused with it."""
        numbers = [n for n, entry in enumerate(self.entries) if entry.flight is flight]
        del self.entries[numbers[0] + 1 if numbers else 0 :]

    def restore(self, state: State, executor: Executor, again: Callable[[Entry], Flight]) -> None:
        """Bring a state back on another executor: the copy, and on it every step since.

        Args:
            state: what was lost.
            executor: where to go on.
            again: does a step, to its end.
        """
        entries, self.entries = self.entries, []
        state.put(executor, self._areas)
        (state.steps, state.updates), state.optimizer = self._counts, self._optimizer
        for entry in entries:
            done = again(entry)
            if entry.flight.result is None:
                flight = entry.flight
                flight.ready, flight.results, flight.result = done.ready, done.results, done.result
                if not done.landed().ok:
                    return
