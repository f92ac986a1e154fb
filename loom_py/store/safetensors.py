"""Strict reading and writing of safetensors (https://github.com/huggingface/safetensors#format).

8 bytes give the length N of a JSON header in little-endian; N bytes of header give each tensor's dtype, shape and
place; the rest is the tensors' bytes, little-endian, row-major, without gaps. The whole header is checked against the
size of the file before any array is allocated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from loom_py.errors import ConfigError, FileFormatError, StateError
from loom_py.shapes import AnyArray, Shape, size_of
from loom_py.store.source import Source
from loom_py.strict_json import loads

LONGEST_HEADER = 16 * 2**20
"""Largest header that is read, in bytes; the format allows 100 MB."""
MOST_AXES = 32
_NUMPY = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2",
}  # fmt: skip
_NAMES = {np.dtype(code): name for name, code in _NUMPY.items() if name != "BF16"}
_DIGITS = re.compile(r"\d{1,16}")


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A tensor's entry in the header; its data are the bytes from `start` to `stop` after the header."""

    dtype: str
    shape: Shape
    start: int
    stop: int


class TensorFile:
    """A safetensors file: `entries` and `metadata` are read at once, arrays on demand."""

    def __init__(self, source: Source) -> None:
        """Read and check the header.

        Raises:
            FileFormatError: the file violates the format.
        """
        self._source = source
        self.entries: dict[str, TensorEntry] = {}
        self.metadata: dict[str, str] = {}
        self._data_start = 0
        self._read_header()

    def array(self, name: str) -> AnyArray:
        """One tensor as an array of the caller's own; BF16 as float32.

        Raises:
            StateError: there is no tensor of this name. FileFormatError: the file has become shorter, or a boolean is
                neither 0 nor 1.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise StateError.expected("tensor", expected=f"one of {', '.join(self.entries) or 'none'}", got=repr(name))
        raw = self._source.read(self._data_start + entry.start, entry.stop - entry.start)
        if entry.dtype == "BOOL" and raw.translate(None, b"\0\1"):
            raise FileFormatError.expected(f"tensor {name}", expected="bytes 0 and 1", got="others")
        stored = np.frombuffer(raw, _NUMPY[entry.dtype]).reshape(entry.shape)
        if entry.dtype == "BF16":
            return (stored.astype(np.uint32) << 16).view(np.float32)
        return stored.astype(stored.dtype.newbyteorder("="))

    def _read_header(self) -> None:
        size = self._source.size
        if size < 8:
            raise FileFormatError.expected("safetensors file", expected="at least 8 bytes", got=size)
        length = int.from_bytes(self._source.read(0, 8), "little")
        if length > min(size - 8, LONGEST_HEADER):
            limit = f"a header of at most {min(size - 8, LONGEST_HEADER)} bytes"
            raise FileFormatError.expected("safetensors file", expected=limit, got=length)
        header = _parse(self._source.read(8, length))
        self._data_start = 8 + length
        self.metadata = _read_metadata(header.pop("__metadata__", {}))
        self.entries = {name: _read_entry(name, entry) for name, entry in header.items()}
        _check_places(self.entries, size - self._data_start)


def _parse(raw: bytes) -> dict[str, Any]:
    text = raw.rstrip(b" ")
    if not text.startswith(b"{") or not text.endswith(b"}"):
        got = f"{raw[:1]!r} … {text[-1:]!r}"
        raise FileFormatError.expected(
            "safetensors header", expected="JSON from { to }, followed by spaces only", got=got
        )
    return dict(loads(text, "safetensors header", parse_int=_read_whole, parse_float=_no_number))


def _read_whole(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise FileFormatError.expected("number in safetensors header", expected="0 to 16 digits", got=text[:20])
    return int(text)


def _no_number(text: str) -> Any:
    raise FileFormatError.expected("number in safetensors header", expected="a whole number", got=text[:20])


def _read_metadata(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FileFormatError.expected("safetensors __metadata__", expected="an object of texts", got="something else")
    return dict(metadata)


def _read_entry(name: str, entry: Any) -> TensorEntry:
    keys = {"dtype", "shape", "data_offsets"}
    if not name or not isinstance(entry, dict) or set(entry) != keys:
        raise FileFormatError.expected(
            f"tensor {name!r}", expected=f"an object of {sorted(keys)}", got=repr(entry)[:80]
        )
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _NUMPY:
        raise FileFormatError.expected(f"tensor {name!r} dtype", expected=" or ".join(_NUMPY), got=repr(dtype)[:20])
    if not _are_whole(shape) or len(shape) > MOST_AXES:
        expected = f"a list of at most {MOST_AXES} whole numbers"
        raise FileFormatError.expected(f"tensor {name!r} shape", expected=expected, got=repr(shape)[:80])
    if not _are_whole(offsets) or len(offsets) != 2:
        raise FileFormatError.expected(f"tensor {name!r} data_offsets", expected="two numbers", got=repr(offsets)[:80])
    start, stop = offsets
    wanted = size_of(shape) * np.dtype(_NUMPY[dtype]).itemsize
    if stop - start != wanted:
        raise FileFormatError.expected(
            f"tensor {name!r}", expected=f"{wanted} bytes for {dtype} {shape}", got=stop - start
        )
    return TensorEntry(dtype, tuple(shape), start, stop)


def _are_whole(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int for value in values)


def _check_places(entries: Mapping[str, TensorEntry], size: int) -> None:
    """Check that tensors are contiguous from 0 to the end of the file, without gaps or overlaps."""
    reached = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != reached:
            raise FileFormatError.expected(f"tensor {name!r}", expected=f"a start at byte {reached}", got=entry.start)
        reached = entry.stop
    if reached != size:
        raise FileFormatError.expected("safetensors file", expected=f"{reached} bytes of tensors", got=size)


def pack_tensors(tensors: Mapping[str, AnyArray], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file as bytes, tensors with the widest alignment first; equal tensors give equal bytes.

    Raises:
        ConfigError: the format does not support an array's dtype, or reserves its name.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts, reached = [], 0
    for name, array in sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        dtype = _NAMES.get(array.dtype.newbyteorder("<"))
        if dtype is None or not name or name == "__metadata__":
            raise ConfigError.expected(f"tensor {name!r}", expected=f"a name, and a dtype of {_NUMPY}", got=array.dtype)
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [reached, reached + len(raw)]}
        reached += len(raw)
        parts.append(raw)
    text = json.dumps(header, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise ConfigError.expected("header", expected=f"at most {LONGEST_HEADER} bytes", got=len(text))
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])
