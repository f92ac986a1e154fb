"""Selection of samples in bounded memory: the worst, and a random sample of each bucket."""

from __future__ import annotations

import heapq
import math
import operator
import zlib
from dataclasses import dataclass
from typing import Any

from loom_py.errors import DataError, FileFormatError
from loom_py.strict_json import decode_float, encode_float

SampleId = int | str
VALUES_KEPT = 256
"""Largest number of values kept of a sample's target and prediction."""


@dataclass(frozen=True, slots=True)
class WorstSample:
    """One of the worst predictions."""

    sample_id: int | str
    """Id of the sample: as given, or its number in order of arrival."""
    deviation: float
    """Its deviation as a fraction; NaN if the prediction or the target is not finite."""
    expected: tuple[float, ...]
    """The target, or the true class; the first 256 values."""
    predicted: tuple[float, ...]
    """The prediction, or the probabilities; the first 256 values."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "sample_id": self.sample_id,
            "deviation": encode_float(self.deviation),
            "expected": [encode_float(v) for v in self.expected],
            "predicted": [encode_float(v) for v in self.predicted],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> WorstSample:
        """The sample from the data of `to_dict`; raises FileFormatError."""
        try:
            values = (tuple(decode_float(v) for v in data[name]) for name in ("expected", "predicted"))
            return cls(checked_id(data["sample_id"]), decode_float(data["deviation"]), *values)
        except (KeyError, TypeError) as error:
            raise FileFormatError(f"worst sample is damaged: {error}") from error


class WorstHeap:
    """The `capacity` worst samples, invalid ones first; the selection is independent of the order of arrival."""

    def __init__(self, capacity: int) -> None:
        """Create an empty heap."""
        self.capacity = capacity
        self._heap: list[_Ranked] = []

    def admits(self, deviation: float) -> bool:
        """Whether a sample of this deviation would be kept, so that others need not be built."""
        if len(self._heap) < self.capacity or not math.isfinite(deviation):
            return self.capacity > 0
        return bool(self._heap) and (False, deviation) >= self._heap[0].rank[:2]

    def add(self, sample: WorstSample) -> None:
        """Add a sample; if there are too many, the best is removed."""
        entry = _Ranked.of(sample)
        if len(self._heap) < self.capacity:
            heapq.heappush(self._heap, entry)
        elif self._heap and self._heap[0] < entry:
            heapq.heapreplace(self._heap, entry)

    def worst(self, n: int) -> list[WorstSample]:
        """The n worst, the worst first."""
        return [entry.sample for entry in sorted(self._heap, reverse=True)[: max(n, 0)]]

    def merge(self, other: WorstHeap) -> None:
        """Add the samples of another."""
        for entry in tuple(other._heap):  # which may be this one
            self.add(entry.sample)


@dataclass(slots=True)
class _Ranked:
    """A sample with its rank; the order is total, so that ties are deterministic."""

    rank: tuple[bool, float, _Reversed]
    sample: WorstSample

    @classmethod
    def of(cls, sample: WorstSample) -> _Ranked:
        invalid = not math.isfinite(sample.deviation)
        # Of equally bad ones the lower id is kept, in any order of arrival.
        tie = (*order_of(sample.sample_id), repr((sample.expected, sample.predicted)))
        return cls((invalid, 0.0 if invalid else sample.deviation, _Reversed(tie)), sample)

    def __lt__(self, other: _Ranked) -> bool:
        return self.rank < other.rank


@dataclass(slots=True)
class _Reversed:
    """A key in descending order."""

    value: tuple[int | str, ...]

    def __lt__(self, other: _Reversed) -> bool:
        return other.value < self.value


class IdSample:
    """A uniform random sample of at most `capacity` ids: those with the smallest hashes (a bottom-k sketch).

    Up to the capacity it holds all ids. It is independent of the order, and merging is associative.
    """

    def __init__(self, capacity: int) -> None:
        """Create an empty sample."""
        self.capacity = capacity
        self._heap: list[tuple[int, _Reversed, SampleId]] = []

    def add(self, sample_id: SampleId) -> None:
        """Add an id."""
        entry = -_hash(sample_id), _Reversed(order_of(sample_id)), sample_id
        if len(self._heap) < self.capacity:
            heapq.heappush(self._heap, entry)
        elif self._heap and entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    def ids(self) -> list[SampleId]:
        """The ids in order, numbers before texts."""
        return sorted((sample_id for _, _, sample_id in self._heap), key=order_of)

    def merge(self, other: IdSample) -> None:
        """Add the ids of another."""
        for sample_id in other.ids():
            self.add(sample_id)


def order_of(sample_id: SampleId) -> tuple[int, int, str]:
    """A sort key for numbers and texts together."""
    return (1, 0, sample_id) if isinstance(sample_id, str) else (0, sample_id, "")


def given_id(value: object) -> SampleId | None:
    """A user's id, NumPy's integers included; raises DataError."""
    if value is None or isinstance(value, str):
        return value
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise DataError.expected("sample_id", expected="a whole number or a text", got=repr(value)[:40]) from None


def checked_id(value: object) -> SampleId:
    """An id read from a file; raises FileFormatError."""
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    raise FileFormatError.expected("sample_id", expected="a whole number or a text", got=repr(value)[:40])


def _hash(sample_id: SampleId) -> int:
    """A pseudo-random hash, equal on every machine (finaliser of the 64-bit MurmurHash3)."""
    value = zlib.crc32(sample_id.encode()) if isinstance(sample_id, str) else sample_id
    value = (value ^ 0x9E3779B97F4A7C15) & 0xFFFF_FFFF_FFFF_FFFF
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor & 0xFFFF_FFFF_FFFF_FFFF
    return value ^ value >> 33
