"""A bounded queue of records with counters; produced = delivered + dropped + queued at any time."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from loom_py.errors import ConfigError
from loom_py.observers.records.rows import Record


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts of records; `produced = delivered + dropped + queued`."""

    produced: int
    """Records received by the observer."""
    delivered: int
    """Records accepted by the receiver."""
    dropped: int
    """Records dropped: queue full, refused by the receiver, or too late."""
    queued: int
    """Records waiting or in flight."""
    retries: int = 0
    """Repeated requests."""
    rejected_points: int = 0
    """Data points refused by the receiver in otherwise accepted requests."""
    last_error: str | None = None
    """Last error; None if there was none."""


class DeliveryQueue:
    """Records waiting to be sent, oldest first; a full queue drops the oldest that is not in flight.

    Safe to use from several threads.
    """

    def __init__(self, capacity: int) -> None:
        """Create an empty queue; raises ConfigError if the capacity is less than 1."""
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
        """Add a record; returns the number of waiting records."""
        with self._lock:
            self._produced += 1
            if self._closed:
                self._dropped += 1
                return len(self._waiting)
            if len(self._waiting) + self._in_flight >= self._capacity:
                if self._waiting:
                    self._waiting.popleft()
                self._dropped += 1
                if self._in_flight >= self._capacity:  # all records are in flight: the new one is dropped
                    return len(self._waiting)
            self._waiting.append(record)
            return len(self._waiting)

    def take(self, limit: int) -> list[Record]:
        """Take up to `limit` records from the front; they count as queued until `settle`."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            self._in_flight += len(batch)
            return batch

    def put_back(self, records: list[Record]) -> None:
        """Put records back at the front of the queue; those beyond the capacity are dropped."""
        with self._lock:
            if self._closed:
                return
            self._in_flight -= len(records)
            kept = records[max(len(records) + len(self._waiting) + self._in_flight - self._capacity, 0) :]
            self._dropped += len(records) - len(kept)
            self._waiting.extendleft(reversed(kept))

    def settle(self, count: int, *, delivered: bool) -> None:
        """Count records in flight as delivered or dropped."""
        with self._lock:
            count = min(count, self._in_flight)  # records dropped at closing were counted before
            self._in_flight -= count
            if delivered:
                self._delivered += count
            else:
                self._dropped += count

    def close(self) -> None:
        """Drop all records: those waiting, those in flight, and new ones."""
        with self._lock:
            self._closed = True
            self._dropped += len(self._waiting) + self._in_flight
            self._in_flight = 0
            self._waiting.clear()

    def __len__(self) -> int:
        """Number of waiting records, without those in flight."""
        return len(self._waiting)

    def counters(self) -> Counters:
        """A consistent snapshot of the counts."""
        with self._lock:
            queued = len(self._waiting) + self._in_flight
            totals = (self._produced, self._delivered, self._dropped, queued)
            return Counters(*totals, self.retries, self.rejected_points, self.last_error)
