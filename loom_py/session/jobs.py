"""Long calls in slices: run a while, let the event loop answer others, go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from loom_py.runtime import clock_ns
from loom_py.session.run_queue import RunQueue

SLICE_NS = 20_000_000
"""Work done between two looks at the event loop: long enough to cost nothing, short enough for a page at 60 Hz."""


class LongRun(Protocol):
    """Work in steps, such as a training run."""

    @property
    def result(self) -> object:
        """What the run has given so far."""
        ...

    def cancel(self) -> None:
        """End after the step at hand; the iteration then ends by itself, with its closing events."""
        ...

    def run(self) -> Iterator[Any]:
        """The events of the run; asking for the next one does the work."""
        ...


class Job:
    """One long call under way: can be paused, resumed, stepped and stopped between steps."""

    def __init__(
        self,
        run: LongRun,
        on_events: Callable[[list[Any]], None] | None = None,
        *,
        on_rest: Callable[[], None] | None = None,
        steps: int | None = None,
        queue: RunQueue | None = None,
    ) -> None:
        """Prepare to drive a run.

        Args:
            run: the work.
            on_events: is given the events of each slice, in order; None drops them.
            on_rest: is called when the run begins to rest: nothing comes until it is told to go on.
            steps: pause after so many training steps; None is no limit.
            queue: each slice takes one; None when nobody else is at work.
        """
        self._run = run
        self._events = run.run()
        self._on_events = on_events
        self._on_rest = on_rest
        self._steps_left = steps  # None: no limit
        self._queue = queue or RunQueue()
        self._wake = asyncio.Event()

    @property
    def resting(self) -> bool:
        """Whether it waits to be told to go on."""
        return self._steps_left == 0

    def pause(self) -> None:
        """Rest after the step at hand."""
        self._steps_left = 0

    def resume(self) -> None:
        """Go on."""
        self._steps_left = None
        self._wake.set()

    def step(self, steps: int = 1) -> None:
        """Do so many training steps, then rest."""
        self._steps_left = (self._steps_left or 0) + steps
        self._wake.set()

    def cancel(self) -> None:
        """End after the step at hand; what was completed is the result."""
        self._run.cancel()
        self.resume()

    async def drive(self) -> object:
        """Run to the end and give the result."""
        while True:
            if self.resting and self._on_rest:
                await self._queue.run(self._on_rest)
            while self.resting:
                self._wake.clear()
                await self._wake.wait()
            ended = await self._queue.run(self._slice)
            if ended:
                return self._run.result
            await asyncio.sleep(0)

    def _slice(self) -> bool:
        """Work for one slice of time; whether the run has ended."""
        events: list[Any] = []
        deadline = clock_ns() + SLICE_NS
        try:
            while self._steps_left != 0 and clock_ns() < deadline:
                event = next(self._events, None)
                if event is None:
                    return True
                events.append(event)
                # 0 here: told to rest in the middle of this step, while Python waited for the GPU.
                if self._steps_left and getattr(event, "type", "") == "batch_end":
                    self._steps_left -= 1
            return False
        finally:
            if self._on_events and events:
                self._on_events(events)
