"""TensorBoard event files, written without TensorFlow: protobuf by hand in framed records with masked CRC-32C.

A record is its length (uint64), the masked CRC of the length, the bytes, the masked CRC of the bytes, all little
endian; the bytes are an `Event` message of tensorflow/core/util/event.proto. CRC-32C is Castagnoli's polynomial
(RFC 3720, appendix B.4), the mask is that of TFRecord files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

_POLYNOMIAL = 0x82F63B78  # 0x1EDC6F41, bits reversed


def _table() -> tuple[int, ...]:
    entries = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        entries.append(byte)
    return tuple(entries)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C of the bytes."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """CRC-32C rotated right by 15 bits plus a constant, as TFRecord files store it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes_field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


@dataclass(frozen=True, slots=True)
class Histogram:
    """A `HistogramProto` (tensorflow/core/framework/summary.proto): bucket i counts values in (limit i-1, limit i].

    Attributes:
        limits: upper limits of the buckets, rising.
    """

    low: float
    high: float
    total: float
    squares: float
    limits: Sequence[float]
    counts: Sequence[float]

    def encoded(self) -> bytes:
        """As protobuf."""
        numbers = (self.low, self.high, float(sum(self.counts)), self.total, self.squares)
        head = b"".join(struct.pack("<Bd", number << 3 | 1, value) for number, value in enumerate(numbers, 1))
        packed = [struct.pack(f"<{len(values)}d", *values) for values in (self.limits, self.counts)]
        return head + _bytes_field(6, packed[0]) + _bytes_field(7, packed[1])


class EventFileWriter:
    """Writes scalars and histograms to an open binary file, NaN and infinities included."""

    def __init__(self, file: BinaryIO, wall_time_s: float) -> None:
        """Write the record of the file's version."""
        self._file = file
        self._tags: dict[str, bytes] = {}
        self._write(struct.pack("<Bd", 0x09, wall_time_s) + _bytes_field(3, b"brain.Event:2"))

    def add_scalars(self, step: int, wall_time_s: float, scalars: Iterable[tuple[str, float]]) -> None:
        """Write tagged values of one step as one record."""
        self._summary(step, wall_time_s, [(tag, struct.pack("<Bf", 0x15, value)) for tag, value in scalars])

    def add_histogram(self, step: int, wall_time_s: float, tag: str, histogram: Histogram) -> None:
        """Write a histogram as a record."""
        self._summary(step, wall_time_s, [(tag, _bytes_field(5, histogram.encoded()))])

    def _summary(self, step: int, wall_time_s: float, values: Iterable[tuple[str, bytes]]) -> None:
        summary = b"".join(_bytes_field(1, self._tag(tag) + value) for tag, value in values)
        event = struct.pack("<Bd", 0x09, wall_time_s) + b"\x10" + _varint(step) + _bytes_field(5, summary)
        self._write(event)

    def _tag(self, tag: str) -> bytes:
        if tag not in self._tags:
            self._tags[tag] = _bytes_field(1, tag.encode())
        return self._tags[tag]

    def _write(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        self._file.write(length + struct.pack("<I", masked_crc32c(length)))
        self._file.write(event + struct.pack("<I", masked_crc32c(event)))
