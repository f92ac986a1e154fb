"""Sources of bytes: one open file, or bytes in memory."""

from __future__ import annotations

import os
import weakref
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from loom_py.atomic_file import openable, signature
from loom_py.errors import DataError, FileFormatError

PathText = str | os.PathLike[str]


class Source(Protocol):
    """Bytes of known size that can be read in pieces; a context manager that closes a file which it opened."""

    size: int

    def read(self, offset: int, count: int) -> bytes:
        """`count` bytes from an offset; raises FileFormatError if there are fewer, or the file was changed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None: ...


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data).cast("B")
        self.size = self._data.nbytes

    def read(self, offset: int, count: int) -> bytes:
        return _whole(bytes(self._data[offset : offset + count]), count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        pass


class FileSource:
    """One open file: all pieces are of the same save, even when another file takes its name meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        """Read from a file that the caller closes."""
        self._file = file
        found = os.fstat(file.fileno())
        self._signature = signature(found)
        self.size = found.st_size

    def read(self, offset: int, count: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(count)
        found = os.fstat(self._file.fileno())
        data = _whole(data[: max(found.st_size - offset, 0)], count)
        if signature(found) != self._signature:
            raise FileFormatError("file: expected no change while it is read, got one; read it again")
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._file.close()


def _whole(data: bytes, count: int) -> bytes:
    if len(data) != count:
        raise FileFormatError.expected("file", expected=f"{count} more bytes", got=len(data), do="it is cut short")
    return data


def read_source(where: PathText | bytes | bytearray | memoryview) -> Source:
    """A source from a path or from bytes; raises OSError if the file does not exist."""
    if isinstance(where, bytes | bytearray | memoryview):
        return BytesSource(where)
    if not isinstance(where, str | os.PathLike):
        raise DataError.expected(
            "source", expected="a path or the bytes of a file", got=type(where).__name__,
            do="give arrays by name to set_parameters",
        )  # fmt: skip
    file = open(openable(where), "rb")  # noqa: SIM115  # the source closes it
    source = FileSource(file)
    weakref.finalize(source, file.close)  # where the source is not used as a context manager
    return source
