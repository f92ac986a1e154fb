"""A queue that runs one piece of work at a time, even if it pauses to wait for the GPU."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class RunQueue:
    """Keeps work on the library from overlapping.

    With JSPI a call that waits for a promise returns to the event loop, which may deliver the next message in the
    middle of a training step; that message must wait for the step to finish.
    """

    def __init__(self, *, nested: bool = False) -> None:
        """Start idle.

        Args:
            nested: run work submitted during other work at once, since only that work can have submitted it.
        """
        self._nested = nested
        self._busy = False
        self._waiting: deque[Callable[[], None]] = deque()
        self._free = asyncio.Event()

    def submit(self, work: Callable[[], None]) -> None:
        """Run work now or right after the current work; `work` handles its own errors."""
        if self._nested:
            work()
        elif self._busy:
            self._waiting.append(work)
        else:
            self._do(work)

    async def run(self, work: Callable[[], T]) -> T:
        """Run work when the queue is idle, and return its result."""
        while self._busy:
            self._free.clear()
            await self._free.wait()
        return self._do(work)

    def _do(self, work: Callable[[], T]) -> T:
        self._busy = True
        try:
            return work()
        finally:
            try:
                while self._waiting:
                    self._waiting.popleft()()
            finally:
                self._busy = False
                self._free.set()
