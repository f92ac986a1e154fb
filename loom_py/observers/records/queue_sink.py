"""A user's `queue.Queue` as the end of a channel."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

from loom_py.observers.records.rows import Record

_PATIENCE_S = 0.001
"""How often a blocked put looks for room: a queue without a limit of its own tells nobody."""


class QueueSink:
    """Puts records into a queue, which other threads read, by the policy of a channel."""

    def __init__(self, target: queue.Queue[Any], most: int) -> None:
        """Use a queue; one without a limit of its own is kept within `most` records."""
        self._queue, self._most = target, target.maxsize if target.maxsize > 0 else most

    def __len__(self) -> int:
        """Number of records in the queue."""
        return self._queue.qsize()

    def put_or_drop_oldest(self, record: Record) -> int:
        """Put a record; returns the number of older ones that were dropped for it."""
        dropped = 0
        while not self.put_or_refuse(record):
            try:
                self._queue.get_nowait()
                dropped += 1
            except queue.Empty:  # a reader was quicker
                continue
        return dropped

    def put_or_refuse(self, record: Record) -> bool:
        """Put a record; False if the queue is full."""
        if self._queue.qsize() >= self._most:
            return False
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            return False
        return True

    def put_or_wait(self, record: Record, closed: Callable[[], bool]) -> bool:
        """Put a record once there is room; False if the channel is closed before."""
        while not closed():
            if self.put_or_refuse(record):
                return True
            time.sleep(_PATIENCE_S)
        return False
