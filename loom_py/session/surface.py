"""What may be called from outside: the names that `describe()` lists, and how each is called."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from loom_py.errors import NotPublicError
from loom_py.introspect import camel, snake
from loom_py.introspect.annotations import names_in
from loom_py.introspect.names import resolve
from loom_py.introspect.reading import read_parameters
from loom_py.introspect.typescript.names import face_methods, handle_classes

Record = Mapping[str, Any]
Entry = dict[str, Any]
LIBRARY = "the library"
OBSERVE = "observe"
"""Not a Python method: starts a stream of observation messages, for every class that takes observers."""


class Surface:
    """The public names of a description, by owner: the library itself, and each class that objects are held of."""

    def __init__(
        self,
        description: Record,
        long_calls: Mapping[tuple[str, str], object],
        constructors: Mapping[str, Callable[..., object]],
        *,
        functions: bool = False,
    ) -> None:
        """Derive the names.

        Args:
            description: what `describe()` gives.
            long_calls: (class, method) pairs that run in slices.
            constructors: functions that make an object of a class in place of its own constructor.
            functions: whether functions can be given as arguments, which takes that both sides share a thread.
        """
        self._functions = functions
        self._constructors = {name: _parameters(function) for name, function in constructors.items()}
        self._aliases = {alias["name"]: alias["type"] for alias in description["aliases"]}
        self._long = frozenset(long_calls)
        self._version = description["version"]
        held = handle_classes(description)
        self._owners = {LIBRARY: self._library(description, held)}
        for record in held:
            self._owners[record["name"]] = self._members(record, face_methods(description, record))

    def find(self, owner: str, name: object) -> Entry:
        """How a public name of an owner is called; any of the three spellings is understood.

        Raises:
            NotPublicError: the owner has no such public name.
        """
        known = self._owners.get(owner, {})
        found = resolve(name, known) if isinstance(name, str) else None
        if found is None:
            raise NotPublicError.expected(
                f"public name of {owner}", expected=f"one of {', '.join(sorted(known)) or 'none'}", got=repr(name)
            )
        return known[found]

    def owner_of(self, value: object) -> str:
        """The public class of an object: its own, or the nearest one that it is derived from.

        Raises:
            NotPublicError: neither it nor any base is public.
        """
        for cls in type(value).__mro__:
            if cls.__name__ in self._owners:
                return cls.__name__
        raise NotPublicError.expected("object", expected="one of a public class", got=f"a {type(value).__name__}")

    def table(self) -> dict[str, Any]:
        """The surface as data, under JavaScript's spelling."""
        spelled = {owner: {camel(name): entry for name, entry in of.items()} for owner, of in self._owners.items()}
        return {"version": self._version, "library": spelled.pop(LIBRARY), "classes": spelled}

    def _library(self, description: Record, held: list[Record]) -> dict[str, Entry]:
        functions = [(item["method_name"], item["parameters"], "method") for item in description["functions"]]
        constructors = {record["name"]: record["constructor"] for record in held} | self._constructors
        makers = [(snake(name), parameters, "method") for name, parameters in constructors.items()]
        return self._entries([*functions, *makers])

    def _members(self, record: Record, methods: list[Record]) -> dict[str, Entry]:
        found = self._entries(
            (
                method["method_name"],
                method["parameters"],
                "long" if (record["name"], method["method_name"]) in self._long else "method",
            )
            for method in methods
        )
        found |= self._entries((item["name"], [], "property") for item in record["properties"])
        if "add_observer" in found and not self._functions:  # who can give a function needs no stream
            found[OBSERVE] = {"method": OBSERVE, "kind": "stream", "positional": [], "named": []}
        return found

    def _entries(self, named: Iterable[tuple[str, list[Record], str]]) -> dict[str, Entry]:
        """How each (name, parameters, kind) is called; without those that need a function, which can't cross."""
        found: dict[str, Entry] = {}
        for name, parameters, kind in named:
            if all(self._crosses(parameter) or not parameter["required"] for parameter in parameters):
                crossing = filter(self._crosses, parameters)
                keywords = [parameter["name"] for parameter in crossing if parameter["kind"] == "keyword_only"]
                positions = self._positions(parameters)
                found[name] = {"method": name, "kind": kind, "positional": positions, "named": keywords}
        return found

    def _positions(self, parameters: list[Record]) -> list[str]:
        """Names of the parameters that can be given by position.

        The first that can't cross ends them: those after it would shift, and are reached by name.
        """
        kinds = ("positional_only", "positional_or_keyword")
        crossing = itertools.takewhile(self._crosses, parameters)
        return [parameter["name"] for parameter in crossing if parameter["kind"] in kinds]

    def _crosses(self, parameter: Record) -> bool:
        return self._functions or "Callable" not in self._names(parameter["type"])

    def _names(self, text: str) -> set[str]:
        """The names in an annotation and in the aliases that it leads to."""
        found: set[str] = set()
        waiting = names_in(text)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += names_in(self._aliases.get(name, ""))
        return found


def _parameters(function: Callable[..., object]) -> list[Record]:
    return [parameter.to_dict() for parameter in read_parameters(function, {})]
