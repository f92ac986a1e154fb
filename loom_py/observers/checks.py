"""Values of a row as they must be; anything else raises FileFormatError."""

from __future__ import annotations

from typing import Any

from loom_py.errors import FileFormatError
from loom_py.shapes import Shape


def exactly(values: list[Any], length: int, what: str) -> list[Any]:
    """The values if there are so many."""
    if len(values) != length:
        raise FileFormatError.expected(what, expected=f"{length} values", got=len(values))
    return values


def checked_count(value: object, name: str) -> int:
    """The value if it is an integer of 64 bits."""
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    raise FileFormatError.expected(name, expected="an integer", got=repr(value)[:40])


def checked_text(value: object, name: str) -> str:
    """The value if it is a text."""
    if isinstance(value, str):
        return value
    raise FileFormatError.expected(name, expected="a text", got=repr(value)[:40])


def checked_list(value: object, name: str) -> list[Any]:
    """The value if it is a list."""
    if isinstance(value, list):
        return value
    raise FileFormatError.expected(name, expected="a list", got=repr(value)[:40])


def checked_shape(value: object, name: str) -> Shape:
    """The value if it is a list of integers."""
    return tuple(checked_count(extent, name) for extent in checked_list(value, name))
