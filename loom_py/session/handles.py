"""Handles: objects that live here and are referred to by number in the page."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from loom_py.errors import DataError, StateError

KEY = "$handle"


class Handles:
    """A table of live objects; each keeps one number while it is in the table.

    Every session counts from a random number, so that the numbers of another one are not found in it.
    """

    def __init__(self, class_of: Callable[[object], str]) -> None:
        """Start empty; `class_of` returns the name of an object's public class."""
        self._class_of = class_of
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._sent: dict[int, int] = {}
        # From 2²⁰, since 0 is the library itself, to below 2⁵³, the largest whole number of JavaScript.
        self._first = self._next = (int.from_bytes(os.urandom(4), "little") + 1) << 20

    def reference(self, value: object) -> dict[str, Any]:
        """`{"$handle": number, "class": name}` of an object, which is added to the table if it is new."""
        public_class = self._class_of(value)
        number = self._numbers.get(id(value))
        if number is None:
            number, self._next = self._next, self._next + 1
            self._objects[number] = value
            self._numbers[id(value)] = number
        self._sent[number] = self._sent.get(number, 0) + 1
        return {KEY: number, "class": public_class}

    def get(self, number: object) -> Any:
        """The object of a number.

        Raises:
            StateError: it was disposed, or it is an object of another session.
            DataError: it is no number.
        """
        if type(number) is not int:
            raise DataError.expected("handle", expected="a whole number", got=repr(number)[:40])
        if number in self._objects:
            return self._objects[number]
        if self._first <= number < self._next:
            got, do = f"number {number}, which was disposed", "make a new one"
        else:
            got, do = f"number {number} of another session", "use the session that made it"
        raise StateError.expected("handle", expected="a live object of this session", got=got, do=do)

    def dispose(self, number: int) -> None:
        """Remove an object from the table, if it is still there."""
        if number in self._objects:
            del self._numbers[id(self._objects.pop(number))]
            self._sent.pop(number, None)

    def release(self, number: int, received: object) -> bool:
        """Whether the page has no reference left after it released `received` references to an object.

        References that are still in transit count.

        Raises:
            DataError: it is no number.
        """
        if type(received) is not int:
            raise DataError.expected("released references", expected="a whole number", got=repr(received)[:40])
        if number in self._sent:
            self._sent[number] -= received
        return self._sent.get(number, 0) <= 0

    @property
    def alive(self) -> int:
        """Number of objects in the table."""
        return len(self._objects)
