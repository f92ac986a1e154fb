"""The table of callable names, built from a description."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from loom_py.introspect.annotations import names_in
from loom_py.introspect.members import read_parameters
from loom_py.introspect.names import camel, snake
from loom_py.introspect.typescript.names import handle_classes, handle_methods
from loom_py.session.surface import OBSERVE, Table

Record = Mapping[str, Any]
Constructors = Mapping[str, Callable[..., object]]


def build_table(description: Record, constructors: Constructors, *, in_steps: bool) -> Table:
    """Everything that can be called, as plain data under JavaScript's spelling.

    Args:
        description: the result of `describe()`.
        constructors: functions that make an object of a class in place of its own constructor.
        in_steps: whether long methods run in slices. Otherwise both sides share a thread, so functions can be given
            as arguments.
    """
    return _Builder(description, constructors, in_steps=in_steps).table()


class _Builder:
    def __init__(self, description: Record, constructors: Constructors, *, in_steps: bool) -> None:
        self._description = description
        self._in_steps = in_steps
        self._functions = not in_steps
        self._made = {name: _parameters(function) for name, function in constructors.items()}
        self._aliases = {alias["name"]: alias["type"] for alias in description["aliases"]}

    def table(self) -> Table:
        held = handle_classes(self._description)
        return {
            "version": self._description["version"],
            "library": self._library(held),
            "classes": {record["name"]: self._members(record) for record in held},
        }

    def _library(self, held: list[Record]) -> Record:
        functions = {item["method_name"]: item["parameters"] for item in self._description["functions"]}
        constructors = {record["name"]: record["constructor"] for record in held} | self._made
        makers = {snake(name): parameters for name, parameters in constructors.items()}
        return self._entries((name, name, given, "method") for name, given in [*functions.items(), *makers.items()])

    def _members(self, record: Record) -> Record:
        found = self._entries(
            (
                method["spelled"],
                method["method_name"],
                method["parameters"],
                "long" if self._in_steps and method["long"] else "method",
            )
            for method in handle_methods(self._description, record)
        )
        found |= self._entries((item["name"], item["name"], [], "property") for item in record["properties"])
        if camel("add_observer") in found and not self._functions:  # with functions, an observer is passed directly
            found[OBSERVE] = {"method": OBSERVE, "kind": "stream", "positional": [], "named": []}
        return found

    def _entries(self, named: Iterable[tuple[str, str, list[Record], str]]) -> dict[str, Record]:
        """Table entries of (name, method, parameters, kind), without those whose required parameters can't cross."""
        found: dict[str, Record] = {}
        for name, method, parameters, kind in named:
            if all(self._crosses(parameter) or not parameter["required"] for parameter in parameters):
                crossing = filter(self._crosses, parameters)
                keywords = [parameter["name"] for parameter in crossing if parameter["kind"] == "keyword_only"]
                positions = self._positions(parameters)
                found[camel(name)] = {"method": method, "kind": kind, "positional": positions, "named": keywords}
        return found

    def _positions(self, parameters: list[Record]) -> list[str]:
        """Names of the parameters that can be given by position.

        They end before the first that can't cross: those after it would shift, and are given by name.
        """
        kinds = ("positional_only", "positional_or_keyword")
        crossing = itertools.takewhile(self._crosses, parameters)
        return [parameter["name"] for parameter in crossing if parameter["kind"] in kinds]

    def _crosses(self, parameter: Record) -> bool:
        names = self._names(parameter["type"])
        return "ModuleType" not in names and (self._functions or "Callable" not in names)

    def _names(self, text: str) -> set[str]:
        """The names in an annotation and in the aliases that it refers to."""
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
