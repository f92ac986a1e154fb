"""Typed access to the fields of a JSON object, with a check for fields that were never read."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from loom_py.errors import FileFormatError
from loom_py.shapes import AnyArray, size_of

_LARGEST = 2**31 - 1


class Fields:
    """A JSON object and its place in the file; every error is a FileFormatError that names the place."""

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, dict):
            raise FileFormatError.expected(where, expected="an object", got=repr(values)[:60])
        self.where = where
        self._values = values
        self._taken: set[str] = set()

    def take(self, name: str, default: Any = None) -> Any:
        """A field of any type."""
        self._taken.add(name)
        return self._values.get(name, default)

    def text(self, name: str) -> str:
        """A text."""
        value = self.take(name)
        if not isinstance(value, str):
            self._refuse(name, "a text", value)
        return str(value)

    def items(self, name: str) -> list[Any]:
        """A non-empty list."""
        value = self.take(name)
        if not isinstance(value, list) or not value:
            self._refuse(name, "a list that is not empty", value)
        return list(value)

    def size(self, name: str, *, least: int = 1) -> int:
        """A whole number; a missing one is 0, as in Go's JSON."""
        value = self.take(name, 0)
        if type(value) is not int or not least <= value <= _LARGEST:
            self._refuse(name, f"a whole number from {least}", value)
        return int(value)

    def number(self, name: str, default: float) -> float:
        """A number of at least 0; for 0 or a missing one the default, as in Loom."""
        value = self.take(name, 0)
        if type(value) not in (int, float) or not 0 <= value < float("inf"):
            self._refuse(name, "a number that is not below 0", value)
        return float(value or default)

    def array(self, name: str, *shape: int) -> AnyArray:
        """Float32 numbers of this shape, from a flat list."""
        values = self.take(name, [])
        if not isinstance(values, list) or len(values) != size_of(shape):
            got = f"{len(values)} of them" if isinstance(values, list) else values
            self._refuse(name, f"{size_of(shape)} numbers", got)
        if not all(type(value) in (int, float) for value in values):
            self._refuse(name, "numbers", "something else")
        with np.errstate(over="ignore"):
            made = np.array(values, np.float64).astype(np.float32)
        if not np.isfinite(made).all():
            self._refuse(name, "numbers that float32 has", "larger ones")
        return made.reshape(shape)

    def finish(self, *ignored: str) -> None:
        """Refuse an object with fields that were not read, unless they are null or empty."""
        left = [
            n for n, value in self._values.items() if n not in self._taken.union(ignored) and value not in (None, [])
        ]
        if left:
            raise FileFormatError.expected(self.where, expected="known fields only", got=repr(left[0])[:80])

    def _refuse(self, name: str, expected: str, got: object) -> NoReturn:
        raise FileFormatError.expected(f"{self.where}: {name}"[:160], expected=expected, got=repr(got)[:60])
