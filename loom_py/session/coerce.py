"""Coercion of arguments to a method's annotations: dicts to data classes and layers, whole numbers to floats."""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import typing
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from loom_py.errors import ConfigError
from loom_py.introspect.annotations import evaluate, namespace_of
from loom_py.session.declared import OPAQUE, AnyArray, alternatives, check

Names = dict[str, object]
Maker = Callable[[dict[str, Any]], Any]


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
        return evaluate(annotation, ChainMap(OPAQUE, namespace_of(owner), vars(builtins), self._names))

    def coerce(self, value: Any, annotation: object, name: str) -> Any:
        """One value converted to its annotation, or unchanged if no conversion applies.

        Args:
            value: plain data.
            annotation: the evaluated annotation.
            name: the value's name for errors.

        Raises:
            DataError: an array's rows differ in length.
            ConfigError: it is of another type, or a key or the "type" of a data class is missing or unknown.
        """
        options = list(alternatives(annotation))
        if isinstance(value, dict):
            makers = {option: made for option in options if (made := self._maker(option))}
            if makers:  # of several data classes, the first that has all of these keys
                fitting = (option for option in makers if value.keys() <= _fields(option).keys())
                return makers[next(fitting, next(iter(makers)))](value)
            item = next((found for option in options if (found := self._item(option)) is not None), None)
            if item is not None:
                return {key: self.coerce(inner, item, f"{name}.{key}") for key, inner in value.items()}
        if isinstance(value, list):
            element = next((found for option in options if (found := self._element(option)) is not None), None)
            if element is not None:
                return [self.coerce(item, element, f"{name}[{at}]") for at, item in enumerate(value)]
        if isinstance(value, np.ndarray) and bytes in options and AnyArray not in options:
            return value.tobytes()  # the content of a file, not the numbers of an array
        if type(value) is int and float in options and int not in options:
            return _float(value, name)  # JavaScript does not distinguish 1 from 1.0
        return check(value, options, name)

    def _element(self, annotation: object) -> object | None:
        """Element type of a sequence if its elements are converted: made from dicts, or arrays."""
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        is_sequence = isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping)
        return args[0] if is_sequence and args and self._is_converted(args[0]) else None

    def _item(self, annotation: object) -> object | None:
        """Type of a mapping's values if they are arrays."""
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        is_mapping = isinstance(origin, type) and issubclass(origin, Mapping)
        return args[1] if is_mapping and AnyArray in alternatives(args[1]) else None

    def _is_converted(self, annotation: object) -> bool:
        parts = list(alternatives(annotation))
        return AnyArray in parts or any(self._maker(part) or self._element(part) is not None for part in parts)

    def _maker(self, cls: object) -> Maker | None:
        if not isinstance(cls, type):
            return None
        given = next((self._makers[base] for base in cls.__mro__ if base in self._makers), None)
        maker: Maker | None = given or getattr(cls, "from_config", None)
        return maker or (partial(self._from_fields, cls) if dataclasses.is_dataclass(cls) else None)

    def _from_fields(self, cls: Any, given: dict[str, Any]) -> Any:
        fields = _fields(cls)
        unknown = sorted(map(str, given.keys() - fields.keys()))
        if unknown:
            got = ", ".join(key or '""' for key in unknown)
            raise ConfigError.expected(cls.__name__, expected=f"keys {', '.join(fields) or '(none)'}", got=got)
        missing = [name for name, field in fields.items() if name not in given and _is_required(field)]
        if missing:
            got = ", ".join(given) or "no key"
            raise ConfigError.expected(cls.__name__, expected=f"the key {missing[0]}", got=got)
        annotations = {key: self.annotation(fields[key].type, cls) for key in given}
        return cls(**{key: self.coerce(given[key], annotations[key], f"{cls.__name__}.{key}") for key in given})


def _fields(cls: Any) -> dict[str, dataclasses.Field[Any]]:
    """Fields that the constructor of a data class takes, by name; none of any other class."""
    return (
        {field.name: field for field in dataclasses.fields(cls) if field.init} if dataclasses.is_dataclass(cls) else {}
    )


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
                bound.arguments[key] = self._coercion.coerce(value, annotations[key], f"{name}: {key}")
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


def _float(value: int, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ConfigError.expected(name, expected="at most about 1.8e308", got="a larger one") from None


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
