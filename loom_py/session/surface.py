"""What may be called from outside: the names that `describe()` lists, and how each is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loom_py.errors import NotPublicError
from loom_py.introspect import camel, snake
from loom_py.introspect.annotations import names_in
from loom_py.introspect.names import resolve

Record = Mapping[str, Any]
Entry = dict[str, Any]
LIBRARY = "the library"
OBSERVE = "observe"
"""Not a Python method: starts a stream of observation messages, for every class that takes observers."""


class Surface:
    """The public names of a description, by owner: the library itself, and each class that objects are held of."""

    def __init__(self, description: Record, long_calls: Mapping[tuple[str, str], object]) -> None:
        """Derive the names.

        Args:
            description: what `describe()` gives.
            long_calls: (class, method) pairs that run in slices.
        """
        self._aliases = {alias["name"]: alias["type"] for alias in description["aliases"]}
        self._long = frozenset(long_calls)
        self._version = description["version"]
        held = [record for record in description["classes"] if record["introspectable"]]
        self._owners: dict[str, dict[str, Entry]] = {
            LIBRARY: {entry["method"]: entry for entry in self._library(description, held)}
        }
        for record in held:
            self._owners[record["name"]] = {entry["method"]: entry for entry in self._members(record)}

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
        spelled = {owner: {_js_name(name): entry for name, entry in of.items()} for owner, of in self._owners.items()}
        return {"version": self._version, "library": spelled.pop(LIBRARY), "classes": spelled}

    def _library(self, description: Record, held: list[Record]) -> Iterator[Entry]:
        for function in description["functions"]:
            yield self._entry(function["method_name"], function["parameters"], "method")
        for record in held:
            yield self._entry(record["name"], record["constructor"], "method")

    def _members(self, record: Record) -> Iterator[Entry]:
        methods = {method["method_name"] for method in record["methods"]}
        for method in record["methods"]:
            name = method["method_name"]
            kind = "long" if (record["name"], name) in self._long else "method"
            yield self._entry(name, method["parameters"], kind)
        for item in record["properties"]:
            yield self._entry(item["name"], [], "property")
        if "add_observer" in methods:
            yield {"method": OBSERVE, "kind": "stream", "positional": [], "named": []}

    def _entry(self, method: str, parameters: list[Record], kind: str) -> Entry:
        """How a name is called; functions can't cross, so parameters that take one are left out.

        Positions after a parameter that is left out would shift: these are reached by name or not at all.
        """
        positional: list[str] = []
        cut = False
        for parameter in parameters:
            crosses = "Callable" not in self._names(parameter["type"])
            cut = cut or not crosses
            if not cut and parameter["kind"] in ("positional_only", "positional_or_keyword"):
                positional.append(parameter["name"])
        named = [parameter["name"] for parameter in parameters if parameter["kind"] == "keyword_only"]
        return {"method": method, "kind": kind, "positional": positional, "named": named}

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


def _js_name(name: str) -> str:
    """`forward_cpu` → `forwardCPU`; the maker of a class by its own name, `DeviationMetrics` → `deviationMetrics`."""
    return camel(snake(name))
