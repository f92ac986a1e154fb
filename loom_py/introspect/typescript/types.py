"""Python annotations as TypeScript types.

Input types are wide (any typed array or nested list is an array), output types exact (`NDArray` of float32). Types
that can't cross, such as a callback to a worker, raise `CannotCross`; the caller omits the parameter or method.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from loom_py.introspect.annotations import ARRAYS

Api = Literal["direct", "async"]
Direction = Literal["in", "out"]

_PRIMITIVES = {
    "int": "number",
    "float": "number",
    "str": "string",
    "bool": "boolean",
    "None": "null",
    "bytes": "Uint8Array",
    "object": "unknown",
    "Any": "unknown",
    "Path": "string",
    "PathLike": "string",
    "dict": "Readonly<Record<string, unknown>>",
    "list": "readonly unknown[]",
    "tuple": "readonly unknown[]",
    "Self": "this",
}
_SEQUENCES = frozenset({"list", "Sequence", "Collection", "Iterable", "Iterator", "set", "frozenset", "deque"})
# `OptionsConfig` is any family's plain data; annotations always name the family beside it.
_PYTHONS_OWN = frozenset({"OptionsConfig", "TextIO", "BinaryIO", "IO", "ModuleType", "Queue"})
_MAPPINGS = frozenset({"dict", "Mapping", "MutableMapping", "OrderedDict"})


class CannotCross(Exception):
    """Values of this type can't cross to JavaScript through this API."""


@dataclass(frozen=True)
class Names:
    """TypeScript meaning of names in annotations; built once from a description."""

    handles: frozenset[str]
    """Classes whose objects are held by handle, under the same name."""
    data_in: Mapping[str, str]
    """Data classes → name of their TypeScript type as input."""
    data_out: Mapping[str, str]
    """Data classes → name of their TypeScript type as output."""
    aliases: Mapping[str, str]
    """Aliases → their annotation text; those of Literals are TypeScript aliases of the same name."""
    literal_aliases: frozenset[str]
    """Aliases that exist in TypeScript too."""
    specials: Mapping[str, str]
    """Names with a special type, such as `Layer` → `LayerConfig`."""
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Base classes → the handles derived from them; a TypeScript type of its own if the base is public."""
    opaque: frozenset[str] = frozenset()
    """Public classes whose own objects are neither data nor held by handle."""
    unknown: set[str] = field(default_factory=set)
    """Collects unknown names; members that need one are omitted."""
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Families of options → their data classes, which cross as a union of configs discriminated by `type`."""


@dataclass(frozen=True)
class Writer:
    """Writes annotations as TypeScript for one API and direction."""

    names: Names
    api: Api
    direction: Direction

    def type_of(self, text: str) -> str:
        """The TypeScript type of an annotation; `unknown` for an empty one."""
        return self._node(ast.parse(text, mode="eval").body) if text else "unknown"

    def _node(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return self.type_of(node.value) if isinstance(node.value, str) else "null"
        if isinstance(node, ast.BinOp):
            return self._union([node.left, node.right])
        if isinstance(node, ast.Attribute):
            return self._name(node.attr)
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.Subscript):
            base = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            args = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return self._generic(base, args)
        return self._name(ast.unparse(node))

    def _name(self, name: str) -> str:
        names = self.names
        if name in ARRAYS:
            exact = "NDArray" if name == "Array" else "AnyNDArray"
            return "ArrayInput" if self.direction == "in" else exact
        if (own := self._own_type(name)) is not None:
            return own
        if name in names.families:
            return name if name in names.opaque else " | ".join(names.families[name])
        if name in names.aliases:
            return self.type_of(names.aliases[name])
        if name == "Callable":
            return self._function([], "unknown")
        if name == "bytes" and self.direction == "in":
            return "Uint8Array | ArrayBuffer | Blob" if self.api == "async" else "Uint8Array | ArrayBuffer"
        if name not in _PRIMITIVES:
            if name not in names.opaque | _PYTHONS_OWN:
                names.unknown.add(name)
            raise CannotCross(f"{name} has no TypeScript type")
        return _PRIMITIVES[name]

    def _own_type(self, name: str) -> str | None:
        """The TypeScript name of a declared type; None for other names."""
        names = self.names
        if name in names.specials:
            return names.specials[name]
        if name in names.kinds:
            return f"{name}Config"
        if name in names.handles or name in names.literal_aliases:
            return name
        return (names.data_in if self.direction == "in" else names.data_out).get(name)

    def _generic(self, base: str, args: list[ast.expr]) -> str:
        if base == "Literal":
            return " | ".join(_literal(arg) for arg in args)
        if base in ("Optional", "Union"):
            return self._union([*args, *([ast.Constant(None)] if base == "Optional" else [])])
        if base == "tuple":
            return self._tuple(args)
        if base in _SEQUENCES:
            return _array(self._node(args[0]))
        if base in _MAPPINGS:
            key = self._node(args[0])
            return f"Readonly<Record<{key}, {self._node(args[1])}>>"
        if base == "Callable":
            parameters = args[0].elts if isinstance(args[0], ast.List) else []
            return self._function(parameters, self._node(args[1]))
        if base in ARRAYS and any("float32" in ast.unparse(arg) for arg in args):
            return self._name("Array")
        return self._name(base)

    def _union(self, parts: list[ast.expr]) -> str:
        """A union; as input without alternatives that can't cross, unless only null would remain."""
        written: list[str] = []
        refused: list[CannotCross] = []
        for part in parts:
            try:
                written += _alternatives(self._node(part))
            except CannotCross as error:
                refused.append(error)
        if refused and (self.direction == "out" or set(written) <= {"null"}):
            raise refused[0]
        return " | ".join(dict.fromkeys(written))

    def _tuple(self, args: list[ast.expr]) -> str:
        if len(args) == 2 and isinstance(args[1], ast.Constant) and args[1].value is Ellipsis:
            return _array(self._node(args[0]))
        return f"readonly [{', '.join(self._node(arg) for arg in args)}]"

    def _function(self, parameters: list[ast.expr], result: str) -> str:
        if self.api == "async":
            raise CannotCross("a function can't be sent to a worker")
        flipped = replace(self, direction="out" if self.direction == "in" else "in")
        listed = ", ".join(f"arg{i}: {flipped._node(node)}" for i, node in enumerate(parameters))
        return f"(({listed}) => {'void' if result == 'null' else result})"


def _literal(node: ast.expr) -> str:
    return json.dumps(ast.literal_eval(node), ensure_ascii=False)


def _array(element: str) -> str:
    return f"readonly ({element})[]" if " | " in element or element.startswith("readonly ") else f"readonly {element}[]"


def _alternatives(written: str) -> list[str]:
    """Split a union at its top level, so that `A | (A | B)` becomes `A | B`."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(written):
        depth += (character in "([{<") - (character in ")]}>" and written[at - 1 : at + 1] != "=>")
        if depth == 0 and written.startswith(" | ", at):
            parts.append(written[start:at])
            start = at + 3
    return [*parts, written[start:]]
