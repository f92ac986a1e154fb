"""Objects that live here and are named by number there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loom_py.errors import StateError

KEY = "$handle"


class Handles:
    """A table of live objects; each has one number for as long as it stands in the table."""

    def __init__(self, class_of: Callable[[object], str]) -> None:
        """Start with no object; `class_of` names an object's public class."""
        self._class_of = class_of
        self._objects: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._sent: dict[int, int] = {}
        self._next = 1  # 0 is the library itself

    def reference(self, value: object) -> dict[str, Any]:
        """`{"$handle": number, "class": name}` of an object, entering it into the table if it is new there."""
        public_class = self._class_of(value)
        number = self._numbers.get(id(value))
        if number is None:
            number, self._next = self._next, self._next + 1
            self._objects[number] = value
            self._numbers[id(value)] = number
        self._sent[number] = self._sent.get(number, 0) + 1
        return {KEY: number, "class": public_class}

    def get(self, number: int) -> Any:
        """The object of a number.

        Raises:
            StateError: it was disposed, or never existed.
        """
        if number not in self._objects:
            raise StateError.expected(
                "handle", expected="one that is alive", got=f"number {number}", do="it was disposed; make a new one"
            )
        return self._objects[number]

    def dispose(self, number: int) -> None:
        """Take an object out of the table; nothing happens if it is not there (any more)."""
        if number in self._objects:
            del self._numbers[id(self._objects.pop(number))]
            self._sent.pop(number, None)

    def release(self, number: int, received: int) -> bool:
        """Whether nobody is left to name an object, after the other side let go of `received` references to it.

        References that are still on their way there count.
        """
        if number in self._sent:
            self._sent[number] -= received
        return self._sent.get(number, 0) <= 0

    @property
    def alive(self) -> int:
        """How many objects the table holds."""
        return len(self._objects)
