"""Buffers of records: the newest within limits on their number and their size in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Generic, TypeVar

import numpy as np

from loom_py.observers.records.rows import AnyRecord
from loom_py.observers.records.size import frame_bytes, record_bytes, value_bytes
from loom_py.shapes import AnyArray
from loom_py.telemetry.events import LayerStats
from loom_py.telemetry.frame import StatsFrame, records_of

THINNED_VALUES = 64
"""Output values that are left of a record when it is thinned."""

R = TypeVar("R", bound=AnyRecord)


class RecordBuffer(Generic[R]):
    """Records with their numbers of arrival, oldest first.

    Attributes:
        memory_bytes: approximate size in bytes.
    """

    def __init__(self) -> None:
        self._items: deque[tuple[int, R]] = deque()
        self.memory_bytes = 0

    @property
    def oldest(self) -> int:
        """Number of the oldest record, if there is one."""
        return self._items[0][0]

    def add(self, number: int, record: R) -> None:
        """Add a record."""
        self._items.append((number, record))
        self.memory_bytes += record_bytes(record)

    def add_oldest(self, record: R) -> None:
        """Add a record before all others."""
        self._items.appendleft((self.oldest - 1 if self._items else 0, record))
        self.memory_bytes += record_bytes(record)

    def take_oldest(self) -> R:
        """Remove and return the oldest record."""
        _, record = self._items.popleft()
        self.memory_bytes -= record_bytes(record)
        return record

    def drop_oldest(self) -> None:
        """Drop the oldest record."""
        self.take_oldest()

    def __iter__(self) -> Iterator[tuple[int, R]]:
        """All records of this moment, each with its number; another thread may go on adding."""
        return iter(tuple(self._items))

    def __len__(self) -> int:
        """Number of records."""
        return len(self._items)

    def clear(self) -> None:
        """Delete all records."""
        self._items.clear()
        self.memory_bytes = 0


class StatsBuffer:
    """Layer statistics with their numbers of arrival: frames and single records, whose output values can be thinned.

    Attributes:
        memory_bytes: approximate size in bytes.
        value_bytes: part of it that is output values.
    """

    def __init__(self) -> None:
        self._items: deque[tuple[int, StatsFrame | LayerStats]] = deque()
        self._gone = 0  # records of the first item that were dropped already
        self._thinned = 0  # items at the front that were thinned already
        self._count = 0
        self.memory_bytes = 0
        self.value_bytes = 0

    @property
    def oldest(self) -> int:
        """Number of the oldest record, if there is one."""
        return self._items[0][0]

    def add(self, number: int, item: StatsFrame | LayerStats) -> None:
        """Add a record or a frame."""
        self._items.append((number, item))
        self.memory_bytes += _bytes_of(item)
        self._count += _length(item)
        self.value_bytes += sum(_values_of(item, place) for place in range(_length(item)))

    def drop_oldest(self) -> None:
        """Drop the oldest record; a frame that loses one gives up its output values, and goes with its last."""
        number, item = self._items.popleft()
        self.memory_bytes -= _bytes_of(item)
        self.value_bytes -= _values_of(item, self._gone)
        self._count -= 1
        self._gone += 1
        if self._gone == _length(item):
            self._gone = 0
            self._thinned = max(self._thinned - 1, 0)
            return
        assert isinstance(item, StatsFrame)
        rest = item.without_values(self._gone - 1) if item.large else item
        self._items.appendleft((number, rest))
        self.memory_bytes += _bytes_of(rest)

    def thin_oldest(self) -> bool:
        """Leave a sample of the output values of the oldest item that has all; returns whether there is one."""
        if self._thinned == len(self._items):
            return False
        number, item = self._items[self._thinned]
        thin = thinned(item) if isinstance(item, LayerStats) else item.with_values(sampled)
        gone = self._gone if self._thinned == 0 else 0
        self.value_bytes += sum(_values_of(thin, i) - _values_of(item, i) for i in range(gone, _length(item)))
        self.memory_bytes += _bytes_of(thin) - _bytes_of(item)
        self._items[self._thinned] = number, thin
        self._thinned += 1
        return True

    def __iter__(self) -> Iterator[tuple[int, LayerStats]]:
        """All records of this moment, each with its number; those of frames are created at every iteration."""
        kept, gone = tuple(self._items), self._gone  # another thread may go on adding
        for single, items in groupby(kept, key=lambda pair: isinstance(pair[1], LayerStats)):
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

    def __len__(self) -> int:
        """Number of records."""
        return self._count

    def clear(self) -> None:
        """Delete all records."""
        self._items.clear()
        self._gone = self._thinned = self._count = self.memory_bytes = self.value_bytes = 0


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
    return record_bytes(item) if isinstance(item, LayerStats) else frame_bytes(item)


def _values_of(item: StatsFrame | LayerStats, place: int) -> int:
    """Bytes of output values in one record of an item."""
    return value_bytes(item) if isinstance(item, LayerStats) else item.value_bytes(place)
