"""A bounded queue of records with counters; produced = delivered + dropped + queued at any time."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass

from loom_py.errors import ConfigError
from loom_py.observers.records.rows import Record

log = logging.getLogger("loom_py")
_MOST_REASONS = 20
"""Reasons logged for one queue; the texts of a hostile server have no end."""


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

    Each reason for dropping records is logged once. Safe to use from several threads.
    """

    def __init__(self, capacity: int, name: str = "observer") -> None:
        """Create an empty queue of an observer, named in the log; raises ConfigError if the capacity is less than 1."""
        if capacity < 1:
            raise ConfigError.expected("capacity", expected="at least 1 record", got=capacity)
        self._capacity, self._name = capacity, name
        self._reasons: set[str] = set()
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
            full = len(self._waiting) + self._in_flight >= self._capacity
            if full:
                if self._waiting:
                    self._waiting.popleft()
                self._dropped += 1
            if self._in_flight < self._capacity:  # else all records are in flight, and the new one is dropped
                self._waiting.append(record)
            waiting = len(self._waiting)
        if full:
            self._log_once("the queue is full (capacity)", 1)
        return waiting

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

    def settle(self, count: int, *, delivered: bool, why: str = "") -> None:
        """Count records in flight as delivered, or as dropped for a reason."""
        if not delivered:
            self._log_once(why or self.last_error or "refused", count)
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
            left = len(self._waiting) + self._in_flight
            self._dropped += left
            self._in_flight = 0
            self._waiting.clear()
        if left:
            self._log_once("not sent in time before closing (close_s)", left)

    def _log_once(self, why: str, count: int) -> None:
        """Log the first records dropped for a reason."""
        with self._lock:
            if why in self._reasons or len(self._reasons) == _MOST_REASONS:
                return
            self._reasons.add(why)
        log.warning(
            "%s dropped %d records: %s; more of them are counted in counters.dropped, not logged",
            self._name,
            count,
            why,
        )

    def __len__(self) -> int:
        """Number of waiting records, without those in flight."""
        return len(self._waiting)

    def counters(self) -> Counters:
        """A consistent snapshot of the counts."""
        with self._lock:
            queued = len(self._waiting) + self._in_flight
            totals = (self._produced, self._delivered, self._dropped, queued)
            return Counters(*totals, self.retries, self.rejected_points, self.last_error)
