"""Coercion of arguments to a method's annotations: dicts to data classes and layers, whole numbers to floats."""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import os
import types
import typing
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from loom_py.errors import ConfigError
from loom_py.introspect.annotations import evaluate, namespace_of

Names = dict[str, object]
Maker = Callable[[dict[str, Any]], Any]


def _is_path(option: object) -> bool:
    """Whether an alternative of an annotation is a path: next to bytes it says that a file is meant.

    Not to be found out by what else there is: NumPy spells ArrayLike differently by version, bytes among its members.
    """
    return option is os.PathLike or typing.get_origin(option) is os.PathLike


class Coercion:
    """Converts plain data to annotated types."""

    def __init__(self, names: Names, makers: Mapping[type, Maker] | None = None) -> None:
        """Prepare for a package.

        Args:
            names: its types by name, for annotations that can't be evaluated in their own module.
            makers: functions that make an object of a class, or of a derived one, from a dict; other classes use
                their `from_config`, or their fields.
        """
        self._names = names
        self._makers = makers or {}

    def annotation(self, annotation: object, owner: object) -> object:
        """The evaluated annotation of a function or class; None if a name in it is unknown."""
        return evaluate(annotation, ChainMap(namespace_of(owner), vars(builtins), self._names))

    def coerce(self, value: Any, annotation: object) -> Any:
        """One value converted to its annotation, or unchanged if no conversion applies.

        Raises:
            ConfigError: a key or the "type" of a data class is missing or unknown.
        """
        options = list(_alternatives(annotation))
        if isinstance(value, dict):
            maker = next((made for option in options if (made := self._maker(option))), None)
            return maker(value) if maker else value
        if isinstance(value, list):
            element = next((found for option in options if (found := self._element(option)) is not None), None)
            return value if element is None else [self.coerce(item, element) for item in value]
        if isinstance(value, np.ndarray) and bytes in options and any(map(_is_path, options)):
            return value.tobytes()  # the content of a file, not the numbers of an array
        if type(value) is int and float in options and int not in options:
            return float(value)  # JavaScript does not distinguish 1 from 1.0
        return value

    def _element(self, annotation: object) -> object | None:
        """Element type of a sequence if its elements are made from dicts."""
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        is_sequence = isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping)
        return args[0] if is_sequence and args and self._has_records(args[0]) else None

    def _has_records(self, annotation: object) -> bool:
        return any(self._maker(part) or self._element(part) is not None for part in _alternatives(annotation))

    def _maker(self, cls: object) -> Maker | None:
        if not isinstance(cls, type):
            return None
        given = next((self._makers[base] for base in cls.__mro__ if base in self._makers), None)
        maker: Maker | None = given or getattr(cls, "from_config", None)
        return maker or (partial(self._from_fields, cls) if dataclasses.is_dataclass(cls) else None)

    def _from_fields(self, cls: Any, given: dict[str, Any]) -> Any:
        fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
        unknown = ", ".join(sorted(given.keys() - fields.keys()))
        if unknown:
            raise ConfigError.expected(cls.__name__, expected=f"keys {', '.join(fields) or '(none)'}", got=unknown)
        missing = [name for name, field in fields.items() if name not in given and _is_required(field)]
        if missing:
            got = ", ".join(given) or "no key"
            raise ConfigError.expected(cls.__name__, expected=f"the key {missing[0]}", got=got)
        return cls(**{k: self.coerce(value, self.annotation(fields[k].type, cls)) for k, value in given.items()})


class Binder:
    """Matches arguments with parameters; caches each function's parameters, which are slow to read."""

    def __init__(self, coercion: Coercion) -> None:
        """Start with an empty cache."""
        self._coercion = coercion
        self._known: dict[object, tuple[inspect.Signature, dict[str, object]]] = {}

    def bind(
        self, name: str, function: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]
    ) -> inspect.BoundArguments:
        """Match arguments with parameters and convert each to its annotation.

        Args:
            name: the function's name in errors.
            function: the function, or the method bound to its object.
            args: positional arguments.
            options: named arguments.

        Raises:
            ConfigError: an argument is missing, unknown or given twice, or a data class's key is missing or unknown.
        """
        signature, annotations = self._read(function)
        try:
            bound = signature.bind(*args, **options)
        except TypeError as error:
            shown = ", ".join(signature.parameters) or "none"
            raise ConfigError(f"{name}: {error}; its parameters are: {shown}") from None
        for key, value in bound.arguments.items():
            if key in annotations:
                bound.arguments[key] = self._coercion.coerce(value, annotations[key])
        return bound

    def _read(self, function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, object]]:
        key = getattr(function, "__func__", function)
        if key not in self._known:
            signature = inspect.signature(function)
            owner = inspect.unwrap(function)
            simple = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            annotations = {
                name: self._coercion.annotation(parameter.annotation, owner)
                for name, parameter in signature.parameters.items()
                if parameter.kind in simple
            }
            self._known[key] = signature, annotations
        return self._known[key]


def _alternatives(annotation: object) -> Iterator[object]:
    """The members of a union, or the annotation itself, without `Annotated` metadata."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _alternatives(part)
    else:
        yield annotation


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
