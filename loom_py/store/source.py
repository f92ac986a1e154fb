"""Sources of bytes: files by path, or bytes in memory."""

from __future__ import annotations

import os
from typing import Protocol

from loom_py.errors import FileFormatError

PathText = str | os.PathLike[str]


class Source(Protocol):
    """Bytes of known size that can be read in pieces."""

    size: int

    def read(self, offset: int, count: int) -> bytes:
        """`count` bytes from an offset; raises FileFormatError if there are fewer."""
        ...


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data).cast("B")
        self.size = self._data.nbytes

    def read(self, offset: int, count: int) -> bytes:
        return _whole(bytes(self._data[offset : offset + count]), count)


class FileSource:
    """A file by path, open only while it is read."""

    def __init__(self, path: PathText) -> None:
        self._path = path
        self.size = os.stat(path).st_size

    def read(self, offset: int, count: int) -> bytes:
        with open(self._path, "rb") as file:
            file.seek(offset)
            return _whole(file.read(count), count)


def _whole(data: bytes, count: int) -> bytes:
    if len(data) != count:
        raise FileFormatError.expected("file", expected=f"{count} more bytes", got=len(data), do="it is cut short")
    return data


def read_source(where: PathText | bytes | bytearray | memoryview) -> Source:
    """A source from a path or from bytes; raises OSError if the file does not exist."""
    return BytesSource(where) if isinstance(where, bytes | bytearray | memoryview) else FileSource(where)
