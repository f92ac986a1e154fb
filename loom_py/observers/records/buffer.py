"""Buffer of layer statistics: frames and single records, the newest within limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from loom_py.shapes import AnyArray
from loom_py.telemetry.events import LayerStats
from loom_py.telemetry.frame import StatsFrame, records_of

# Measured with tracemalloc on CPython 3.13, entry in the buffer included: a record with its numbers, a frame without.
RECORD_BYTES = 700
FRAME_BYTES = 500
THINNED_VALUES = 64
"""Output values that are left of a record when it is thinned."""


class StatsBuffer:
    """Records with their numbers of arrival; the oldest are thinned if allowed, then dropped, for the newest.

    Attributes:
        count: number of records.
        value_bytes: size of their output values in bytes.
    """

    def __init__(self, capacity: int | None, most_value_bytes: int, *, thin: bool = False) -> None:
        """Create an empty buffer with a limit on records, and on bytes of output values, which may be thinned."""
        self._capacity, self._most, self._thin = capacity, most_value_bytes, thin
        self._thinned = 0  # items at the front that were thinned already
        self._items: deque[tuple[int, StatsFrame | LayerStats]] = deque()
        self._gone = 0  # records of the first item that were dropped already
        self._bytes = 0
        self.count = 0
        self.value_bytes = 0

    @property
    def memory_bytes(self) -> int:
        """Approximate size in bytes."""
        return self._bytes + self.value_bytes

    def add(self, number: int, item: StatsFrame | LayerStats) -> int:
        """Add a record or a frame; returns the number of records dropped."""
        self._items.append((number, item))
        self._bytes += _bytes_of(item)
        self.count += _length(item)
        self.value_bytes += sum(_values_of(item, place) for place in range(_length(item)))
        while self._thin and self.value_bytes > self._most and self._thinned < len(self._items):
            self._thin_next()
        dropped = 0
        while self._too_much():
            self._drop_oldest()
            dropped += 1
        return dropped

    def __iter__(self) -> Iterator[tuple[int, LayerStats]]:
        """All records, each with its number; those of frames are created at every iteration."""
        gone = self._gone
        for single, items in groupby(self._items, key=lambda pair: isinstance(pair[1], LayerStats)):
            if single:
                yield from items  # type: ignore[misc]
                continue
            runs: list[tuple[int, StatsFrame]] = list(items)  # type: ignore[arg-type]
            numbers = (number for number, run in runs for _ in range(len(run)))
            for number, stats in zip(numbers, records_of(run for _, run in runs), strict=True):
                if gone:
                    gone -= 1
                else:
                    yield number, stats

    def clear(self) -> None:
        """Delete all records."""
        self._items.clear()
        self._gone = self._bytes = self.count = self.value_bytes = self._thinned = 0

    def _too_much(self) -> bool:
        full = self._capacity is not None and self.count > self._capacity
        return full or (self.value_bytes > self._most and self.count > 1)

    def _drop_oldest(self) -> None:
        _, item = self._items[0]
        self.value_bytes -= _values_of(item, self._gone)
        self.count -= 1
        self._gone += 1
        if self._gone == _length(item):
            self._items.popleft()
            self._bytes -= _bytes_of(item)
            self._gone = 0
            self._thinned = max(self._thinned - 1, 0)

    def _thin_next(self) -> None:
        number, item = self._items[self._thinned]
        thin = thinned(item) if isinstance(item, LayerStats) else item.with_values(sampled)
        gone = self._gone if self._thinned == 0 else 0
        self.value_bytes += sum(_values_of(thin, i) - _values_of(item, i) for i in range(gone, _length(item)))
        self._items[self._thinned] = number, thin
        self._thinned += 1


def thinned(stats: LayerStats) -> LayerStats:
    """The record with a sample of its output values."""
    values = stats.output_values
    return stats if values is None else replace(stats, output_values=sampled(values))


def sampled(values: AnyArray) -> AnyArray:
    """At most THINNED_VALUES of the values, flat and in order; a golden-ratio sequence meets all units alike."""
    if values.size <= THINNED_VALUES:
        return values
    places = np.modf(np.arange(THINNED_VALUES) * (5**0.5 - 1) / 2)[0] * values.size
    return values.reshape(-1)[np.unique(places.astype(np.intp))]


def _length(item: StatsFrame | LayerStats) -> int:
    return 1 if isinstance(item, LayerStats) else len(item)


def _bytes_of(item: StatsFrame | LayerStats) -> int:
    return RECORD_BYTES if isinstance(item, LayerStats) else FRAME_BYTES + item.nbytes


def _values_of(item: StatsFrame | LayerStats, place: int) -> int:
    """Bytes of output values in one record of an item."""
    if isinstance(item, LayerStats):
        return 0 if item.output_values is None else item.output_values.nbytes
    return item.value_bytes(place)
