"""A bounded queue of records with counters; produced = delivered + dropped + queued at any time."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from loom_py.errors import ConfigError
from loom_py.observers.records.buffer import RecordBuffer
from loom_py.observers.records.rows import Record

log = logging.getLogger("loom_py")
QUEUE_BYTES = 64 * 2**20
"""Default limit on the size of queued records in memory, in bytes."""
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

    def __init__(self, capacity: int, name: str = "observer", capacity_bytes: int = QUEUE_BYTES) -> None:
        """Create an empty queue of an observer, named in the log; raises ConfigError if the capacity is less than 1."""
        if capacity < 1:
            raise ConfigError.expected("capacity", expected="at least 1 record", got=capacity)
        self._capacity, self._capacity_bytes, self._name = capacity, capacity_bytes, name
        self._reasons: set[str] = set()
        self._waiting = RecordBuffer[Record]()
        self._lock = threading.Lock()
        self._in_flight = self._in_flight_bytes = 0
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
            self._waiting.add(self._produced, record)
            limit = "capacity" if len(self._waiting) + self._in_flight > self._capacity else "capacity_bytes"
            dropped = self._drop_excess()
            waiting = len(self._waiting)
        if dropped:
            self._log_once(f"the queue is full ({limit})", dropped)
        return waiting

    def _drop_excess(self) -> int:
        """Drop the oldest waiting records beyond the limits; returns their number. A record that is alone stays."""
        dropped = 0
        while self._waiting and self._is_too_full():
            self._waiting.drop_oldest()
            dropped += 1
        self._dropped += dropped
        return dropped

    def _is_too_full(self) -> bool:
        queued = len(self._waiting) + self._in_flight
        return queued > self._capacity or (queued > 1 and self.memory_bytes > self._capacity_bytes)

    @property
    def memory_bytes(self) -> int:
        """Approximate size in bytes of the records waiting and in flight."""
        return self._waiting.memory_bytes + self._in_flight_bytes

    def take(self, limit: int) -> list[Record]:
        """Take up to `limit` records from the front; they count as queued until `settle`."""
        with self._lock:
            before = self._waiting.memory_bytes
            batch = [self._waiting.take_oldest() for _ in range(min(limit, len(self._waiting)))]
            self._in_flight += len(batch)
            self._in_flight_bytes += before - self._waiting.memory_bytes
            return batch

    def put_back(self, records: list[Record]) -> None:
        """Put records back at the front of the queue; those beyond the capacity are dropped."""
        with self._lock:
            if self._closed:
                return
            self._land(len(records))
            for record in reversed(records):
                self._waiting.add_oldest(record)
            self._drop_excess()

    def settle(self, count: int, *, delivered: bool, why: str = "") -> None:
        """Count records in flight as delivered, or as dropped for a reason."""
        if not delivered:
            self._log_once(why or self.last_error or "refused", count)
        with self._lock:
            count = min(count, self._in_flight)  # records dropped at closing were counted before
            self._land(count)
            if delivered:
                self._delivered += count
            else:
                self._dropped += count

    def _land(self, count: int) -> None:
        """Count records as no longer in flight, each as large as the mean of those that were."""
        if count:
            self._in_flight_bytes -= self._in_flight_bytes * count // self._in_flight
            self._in_flight -= count

    def close(self) -> None:
        """Drop all records: those waiting, those in flight, and new ones."""
        with self._lock:
            self._closed = True
            left = len(self._waiting) + self._in_flight
            self._dropped += left
            self._in_flight = self._in_flight_bytes = 0
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
