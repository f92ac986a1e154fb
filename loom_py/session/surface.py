"""The callable surface: the names that `describe()` lists, and how each is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loom_py.errors import NotPublicError
from loom_py.introspect.names import resolve

Entry = Mapping[str, Any]
Table = Mapping[str, Any]
LIBRARY = "the library"
OBSERVE = "observe"
"""Starts a stream of observation messages; not a Python method, offered by every class that takes observers."""


class Surface:
    """The public names by owner: the library and each class held by handle."""

    def __init__(self, table: Table) -> None:
        """Take the names from a table made by `build_table`."""
        self._table = table
        owners = {LIBRARY: table["library"], **table["classes"]}
        self._owners: dict[str, dict[str, Entry]] = {
            owner: {entry["method"]: entry for entry in entries.values()} for owner, entries in owners.items()
        }

    def find(self, owner: str, name: object) -> Entry:
        """Entry of a public name of an owner, in any of the three spellings.

        Raises:
            NotPublicError: the owner has no such public name.
        """
        known = self._owners.get(owner, {})
        if isinstance(name, str):
            found = name if name in known else resolve(name, known)
            if found is not None:
                return known[found]
        expected = f"one of {', '.join(sorted(known)) or 'none'}"
        raise NotPublicError.expected(f"public name of {owner}", expected=expected, got=repr(name))

    def owner_of(self, value: object) -> str:
        """Name of an object's public class: its own, or else its nearest public base.

        Raises:
            NotPublicError: neither its class nor any base is public.
        """
        for cls in type(value).__mro__:
            if cls.__name__ in self._owners:
                return cls.__name__
        raise NotPublicError.expected("object", expected="one of a public class", got=f"a {type(value).__name__}")

    def table(self) -> Table:
        """The surface as data, under JavaScript's spelling."""
        return self._table
