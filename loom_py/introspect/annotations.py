"""Annotations as text, with their choices, limits and the names in them.

The text is the annotation as written (postponed evaluation keeps it), with `Annotated` shown as its base type.
Evaluation is tried only for facts that the text lacks, and may fail: names imported for type checkers alone do not
exist at run time.
"""

from __future__ import annotations

import ast
import enum
import inspect
import math
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

ARRAYS = frozenset({"Array", "ArrayLike", "AnyArray", "NDArray", "ndarray"})
"""Names of array types. They are opaque: their definitions belong to NumPy and differ between its versions."""
VOCABULARY = ARRAYS | {"OptionsConfig"}
"""Names of aliases that are never replaced by their definitions."""

JsonScalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Allowed range of an annotated number."""

    minimum: float | None = None
    """Smallest allowed value."""
    maximum: float | None = None
    """Largest allowed value."""
    exclusive_maximum: float | None = None
    """Exclusive upper bound."""


NO_LIMITS = Limits()


def text_of(annotation: object, namespace: Mapping[str, object] = MappingProxyType({})) -> str:
    """An annotation as written, with `Annotated` and its aliases shown as their base type; empty if there is none."""
    if annotation is inspect.Parameter.empty:
        return ""
    if not isinstance(annotation, str):
        return render(annotation)
    tree = _Bare(namespace).visit(ast.parse(annotation, mode="eval"))
    return ast.unparse(tree).replace("'", '"')


class _Bare(ast.NodeTransformer):
    """Replaces `Annotated[base, …]`, and names of such aliases, by the base."""

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self.namespace = namespace

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        return node.slice.elts[0] if name == "Annotated" and isinstance(node.slice, ast.Tuple) else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        value = self.namespace.get(node.id)
        return ast.Name(render(value)) if typing.get_origin(value) is typing.Annotated else node


_ORIGIN_NAMES = {types.UnionType: "|", typing.Union: "|"}


def render(annotation: object) -> str:
    """Text of an evaluated annotation: `tuple[int, ...]`, `Literal["a", "b"]`, `float | None`."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Ellipsis:
        return "..."
    if annotation is ArrayLike:
        return "ArrayLike"
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, int | bool):
        return repr(annotation)
    if isinstance(annotation, list):
        return f"[{_render_all(annotation)}]"
    if isinstance(annotation, typing.ForwardRef):
        return text_of(annotation.__forward_arg__)
    return _render_generic(annotation)


def _render_generic(annotation: object) -> str:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return _name(annotation)
    if origin is typing.Annotated:
        return render(args[0])
    if origin is typing.Literal:
        return f"Literal[{', '.join(repr(value) for value in args)}]".replace("'", '"')
    if origin in _ORIGIN_NAMES:
        return _render_all(args, " | ")
    if origin is np.ndarray and len(args) == 2:
        # NDArray[float32]: NumPy before 2.5 gives the type that it abbreviates.
        return f"NDArray[{_render_all(typing.get_args(args[1]))}]"
    return f"{_name(origin)}[{_render_all(args)}]"


def _render_all(annotations: Iterable[object], separator: str = ", ") -> str:
    return separator.join(render(part) for part in annotations)


def _name(annotation: object) -> str:
    return str(getattr(annotation, "__name__", annotation)).rpartition(".")[2]


def namespace_of(owner: Any) -> dict[str, object]:
    """The module namespace of a class or function, in which its annotations are evaluated."""
    module = sys.modules.get(getattr(owner, "__module__", ""), None)
    return vars(module) if module else {}


def evaluate(annotation: object, namespace: Mapping[str, object]) -> object:
    """The annotation's value at run time; None if a name in it is not defined there."""
    if not isinstance(annotation, str):
        return annotation
    try:
        # As safe as typing.get_type_hints: the text is the package's own source.
        return eval(annotation, {}, namespace)
    except Exception:
        return None


def choices_of(annotation: object) -> tuple[JsonScalar, ...]:
    """Literal values of an evaluated annotation, with None if allowed; empty if other types are allowed too."""
    parts = tuple(_flatten(annotation))
    literals = [part for part in parts if typing.get_origin(part) is typing.Literal]
    rest = [part for part in parts if typing.get_origin(part) is not typing.Literal]
    if not literals or any(part is not type(None) for part in rest):
        return ()
    values = [value for part in literals for value in typing.get_args(part)]
    return (*values, *(None for _ in rest))


def limits_of(annotation: object) -> Limits:
    """Range in an `Annotated`'s metadata, from its attributes `low`, `high` and `open_high`."""
    found: dict[str, float] = {}
    for part in _flatten(annotation, keep_annotated=True):
        for meta in typing.get_args(part)[1:] if typing.get_origin(part) is typing.Annotated else ():
            low, high = getattr(meta, "low", -math.inf), getattr(meta, "high", math.inf)
            if math.isfinite(low):
                found["minimum"] = low
            if math.isfinite(high):
                found["exclusive_maximum" if getattr(meta, "open_high", False) else "maximum"] = high
    return Limits(**found)


def _flatten(annotation: object, *, keep_annotated: bool = False) -> Iterator[object]:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated and not keep_annotated:
        yield from _flatten(args[0])
    elif origin in _ORIGIN_NAMES:
        for part in args:
            yield from _flatten(part, keep_annotated=keep_annotated)
    else:
        yield annotation


def names_in(text: str) -> list[str]:
    """Distinct names in an annotation's text, in order, without the values of literals."""
    if not text:
        return []
    return list(dict.fromkeys(node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)))


def is_alias(value: object) -> bool:
    """Whether a value is a type alias, such as `Phase` or `Shape`, or an enum."""
    if isinstance(value, type) and typing.get_origin(value) is None:
        return issubclass(value, enum.Enum)
    return typing.get_origin(value) is not None
