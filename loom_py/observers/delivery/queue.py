"""A bounded queue of records that counts what becomes of each: produced = delivered + dropped + queued, always."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from loom_py.errors import ConfigError
from loom_py.observers.records.rows import Record


@dataclass(frozen=True, slots=True)
class Counters:
    """What became of the records; `produced = delivered + dropped + queued`."""

    produced: int
    """Records that were handed to the observer."""
    delivered: int
    """Records that reached the receiver."""
    dropped: int
    """Records that were given up: no room, refused by the receiver, or too late."""
    queued: int
    """Records that wait or are on their way."""
    retries: int = 0
    """Requests that were sent again."""
    rejected_points: int = 0
    """Data points that the receiver refused of requests which it accepted."""
    last_error: str | None = None
    """The last thing that went wrong."""


class DeliveryQueue:
    """Records waiting to be sent, oldest first; when full, the oldest that is not on its way makes room.

    Safe to use from several threads.
    """

    def __init__(self, capacity: int) -> None:
        """Create an empty queue; raises ConfigError when the capacity is less than 1."""
        if capacity < 1:
            raise ConfigError.expected("capacity", expected="at least 1 record", got=capacity)
        self._capacity = capacity
        self._waiting: deque[Record] = deque()
        self._lock = threading.Lock()
        self._in_flight = 0
        self._produced = self._delivered = self._dropped = 0
        self.retries = 0
        self.rejected_points = 0
        self.last_error: str | None = None
        self._closed = False

    def put(self, record: Record) -> int:
        """Add a record; gives the number of records waiting."""
        with self._lock:
            self._produced += 1
            if self._closed:
                self._dropped += 1
                return len(self._waiting)
            if len(self._waiting) + self._in_flight >= self._capacity:
                if self._waiting:
                    self._waiting.popleft()
                self._dropped += 1
                if self._in_flight >= self._capacity:  # all room is on its way: the newest is the one to go
                    return len(self._waiting)
            self._waiting.append(record)
            return len(self._waiting)

    def take(self, limit: int) -> list[Record]:
        """Take up to `limit` records from the front; they stay counted as queued until they are settled."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            self._in_flight += len(batch)
            return batch

    def put_back(self, records: list[Record]) -> None:
        """Return records that were taken to the front of the queue; those that find no room there are dropped."""
        with self._lock:
            if self._closed:
                return
            self._in_flight -= len(records)
            kept = records[max(len(records) + len(self._waiting) + self._in_flight - self._capacity, 0) :]
            self._dropped += len(records) - len(kept)
            self._waiting.extendleft(reversed(kept))

    def settle(self, count: int, *, delivered: bool) -> None:
        """Say what became of records that were taken."""
        with self._lock:
            count = min(count, self._in_flight)  # records given up at closing were settled before
            self._in_flight -= count
            if delivered:
                self._delivered += count
            else:
                self._dropped += count

    def close(self) -> None:
        """Take no more: what comes now, and what is still waiting or on its way, is dropped."""
        with self._lock:
            self._closed = True
            self._dropped += len(self._waiting) + self._in_flight
            self._in_flight = 0
            self._waiting.clear()

    def __len__(self) -> int:
        """Records waiting, without those on their way."""
        return len(self._waiting)

    def counters(self) -> Counters:
        """What became of all records so far, at one moment."""
        with self._lock:
            queued = len(self._waiting) + self._in_flight
            totals = (self._produced, self._delivered, self._dropped, queued)
            return Counters(*totals, self.retries, self.rejected_points, self.last_error)
