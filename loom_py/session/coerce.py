"""Arguments as a method's annotations want them: dicts become data classes and layers, whole numbers floats."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from loom_py.errors import ConfigError
from loom_py.introspect.annotations import evaluate, namespace_of

Names = Mapping[str, object]


class Binder:
    """Matches arguments with functions' parameters; remembers each function's, since reading them costs much more."""

    def __init__(self, names: Names) -> None:
        """Remember the package's types by name, for annotations that can't be evaluated where they stand."""
        self._names = names
        self._known: dict[object, tuple[inspect.Signature, dict[str, object], Names]] = {}

    def bind(
        self, name: str, function: Callable[..., Any], args: Sequence[Any], options: Names
    ) -> inspect.BoundArguments:
        """Match arguments with parameters and turn each into what its annotation wants.

        Args:
            name: how the function is called in errors.
            function: what will be called; a method bound to its object.
            args: arguments by position.
            options: arguments by name.

        Raises:
            ConfigError: an argument is missing, unknown or given twice, or a key of a data class is.
        """
        signature, annotations, names = self._read(function)
        try:
            bound = signature.bind(*args, **options)
        except TypeError as error:
            shown = ", ".join(signature.parameters) or "none"
            raise ConfigError(f"{name}: {error}; its parameters are: {shown}") from None
        for key, value in bound.arguments.items():
            if key in annotations:
                bound.arguments[key] = coerce(value, annotations[key], names)
        return bound

    def _read(self, function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, object], Names]:
        key = getattr(function, "__func__", function)
        if key not in self._known:
            signature = inspect.signature(function)
            names = {**self._names, **namespace_of(inspect.unwrap(function))}
            simple = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            annotations = {
                name: evaluate(parameter.annotation, names)
                for name, parameter in signature.parameters.items()
                if parameter.kind in simple
            }
            self._known[key] = signature, annotations, names
        return self._known[key]


def coerce(value: Any, annotation: object, names: Names) -> Any:
    """One value as its annotation wants it; left alone where the annotation has nothing to say of it."""
    options = list(_alternatives(annotation))
    if isinstance(value, dict):
        maker = next((made for option in options if (made := _maker(option, names))), None)
        return maker(value) if maker else value
    if isinstance(value, list):
        element = next((found for option in options if (found := _element(option)) is not None), None)
        return value if element is None else [coerce(item, element, names) for item in value]
    if type(value) is int and float in options and int not in options:
        return float(value)  # JavaScript does not tell 1 from 1.0
    return value


def _alternatives(annotation: object) -> Iterator[object]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _alternatives(part)
    else:
        yield annotation


def _element(annotation: object) -> object | None:
    """What a list's elements shall be, when they are records."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    is_sequence = isinstance(origin, type) and issubclass(origin, typing.Iterable) and not issubclass(origin, Mapping)
    return args[0] if is_sequence and args and _has_records(args[0]) else None


def _has_records(annotation: object) -> bool:
    return any(_maker(option, {}) or _element(option) is not None for option in _alternatives(annotation))


def _maker(cls: object, names: Names) -> Callable[[dict[str, Any]], Any] | None:
    """What makes an object of a class from a dict: its own `from_config`, or its fields; None if nothing does."""
    if not isinstance(cls, type):
        return None
    own: Callable[[dict[str, Any]], Any] | None = getattr(cls, "from_config", None)
    if own is not None:
        return own
    if dataclasses.is_dataclass(cls):
        return lambda fields: _from_fields(cls, fields, names)
    return None


def _from_fields(cls: Any, given: dict[str, Any], names: Names) -> Any:
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    unknown = ", ".join(sorted(given.keys() - fields.keys()))
    if unknown:
        raise ConfigError.expected(cls.__name__, expected=f"keys {', '.join(fields)}", got=unknown)
    spaces = {**names, **namespace_of(cls)}
    made = {key: coerce(value, evaluate(fields[key].type, spaces), spaces) for key, value in given.items()}
    missing = [key for key, field in fields.items() if key not in made and _is_required(field)]
    if missing:
        raise ConfigError.expected(
            cls.__name__, expected=f"the key {missing[0]}", got=f"{', '.join(given) or 'no key'}"
        )
    return cls(**made)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
