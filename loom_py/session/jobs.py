"""Long calls in time slices, between which the event loop answers other calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from loom_py.runtime import clock_ns
from loom_py.session.run_queue import RunQueue

SLICE_NS = 20_000_000
"""Length of a time slice: long enough that slicing costs nothing, short enough for a page at 60 Hz."""


class LongRun(Protocol):
    """Work in steps, such as a training run."""

    @property
    def result(self) -> object:
        """The result so far."""
        ...

    def cancel(self) -> None:
        """End after the current step; the iteration then ends with its closing events."""
        ...

    def run(self) -> Iterator[Any]:
        """The events of the run; asking for the next one does the work."""
        ...


class Job:
    """One long call in progress: can be paused, resumed, stepped and cancelled between steps."""

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
            on_events: called with the events of each slice, in order; None drops them.
            on_rest: called when the run pauses.
            steps: number of training steps before it pauses; None is no limit.
            queue: runs the slices; None if no other work can interfere.
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
        """Whether it is paused."""
        return self._steps_left == 0

    def pause(self) -> None:
        """Pause after the current step."""
        self._steps_left = 0

    def resume(self) -> None:
        """Continue."""
        self._steps_left = None
        self._wake.set()

    def step(self, steps: int = 1) -> None:
        """Run that many training steps, then pause."""
        self._steps_left = (self._steps_left or 0) + steps
        self._wake.set()

    def cancel(self) -> None:
        """End after the current step; the completed part is the result."""
        self._run.cancel()
        self.resume()

    async def drive(self) -> object:
        """Run to the end and return the result."""
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
        """Work for one time slice; returns whether the run has ended."""
        events: list[Any] = []
        deadline = clock_ns() + SLICE_NS
        try:
            while self._steps_left != 0 and clock_ns() < deadline:
                event = next(self._events, None)
                if event is None:
                    return True
                events.append(event)
                # It is 0 if the run was paused during this step, while Python waited for the GPU.
                if self._steps_left and getattr(event, "type", "") == "batch_end":
                    self._steps_left -= 1
            return False
        finally:
            if self._on_events and events:
                self._on_events(events)
