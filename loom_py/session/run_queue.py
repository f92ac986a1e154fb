"""One piece of work at a time, though Python may pause inside one to wait for the GPU."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class RunQueue:
    """Who may use the library now.

    With JSPI a call that waits for a promise lets the event loop go on, which brings the next message in the middle of
    a training step; it has to wait until the step is done.
    """

    def __init__(self, *, nested: bool = False) -> None:
        """Start with nobody at work.

        Args:
            nested: work that comes meanwhile is done at once: it can only be of who is at work.
        """
        self._nested = nested
        self._busy = False
        self._waiting: deque[Callable[[], None]] = deque()
        self._free = asyncio.Event()

    def submit(self, work: Callable[[], None]) -> None:
        """Do it now, or right after what is being done; `work` tells its errors itself."""
        if self._nested:
            work()
        elif self._busy:
            self._waiting.append(work)
        else:
            self._do(work)

    async def run(self, work: Callable[[], T]) -> T:
        """Do it when nothing else is being done, and give what it gives."""
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
