"""Public members of classes, read from signatures, docstrings and the order of definition."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from loom_py.introspect.annotations import choices_of, evaluate, limits_of, namespace_of, text_of
from loom_py.introspect.docstrings import Docstring, parse
from loom_py.introspect.markers import INTERNAL
from loom_py.introspect.methods import NON_FINITE, MethodInfo, ParameterInfo


def as_json(value: object) -> Any:
    """A default value as JSON data: containers by value, dataclasses as objects, the rest as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else NON_FINITE[str(value)]
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    to_config = getattr(value, "to_config", None)
    if callable(to_config) and not isinstance(value, type):
        return as_json(to_config())
    if is_dataclass(value) and not isinstance(value, type):
        return {key: as_json(item) for key, item in asdict(value).items()}
    # An object's repr may contain its address, which changes with every run.
    return getattr(value, "__name__", None) or f"{type(value).__name__}()"


def read_parameters(function: Callable[..., Any], docs: Mapping[str, str]) -> tuple[ParameterInfo, ...]:
    """Parameters of a function without `self` and `cls`."""
    return tuple(
        _parameter(parameter, docs.get(name, ""), namespace_of(inspect.unwrap(function)))
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("self", "cls")
    )


def _parameter(parameter: inspect.Parameter, doc: str, namespace: Mapping[str, object]) -> ParameterInfo:
    value = evaluate(parameter.annotation, namespace)
    variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    required = parameter.default is parameter.empty and not variadic
    return ParameterInfo(
        name=parameter.name,
        type=text_of(parameter.annotation, namespace),
        doc=doc,
        required=required,
        default=None if required or variadic else as_json(parameter.default),
        kind=parameter.kind.name.lower(),
        choices=choices_of(value),
        limits=limits_of(value),
    )


def read_method(name: str, function: Callable[..., Any], doc: Docstring | None = None) -> MethodInfo:
    """Record of a function from its signature and docstring."""
    doc = doc or parse(inspect.getdoc(function))
    inner = inspect.unwrap(function)
    returned = text_of(inspect.signature(inner).return_annotation, namespace_of(inner))
    return MethodInfo(
        method_name=name,
        parameters=read_parameters(inner, doc.parameters),
        returns=(returned,) if returned not in ("", "None") else (),
        doc=doc.text,
        returns_doc=doc.returns,
        raises=doc.raises,
        is_async=inspect.iscoroutinefunction(inner),
    )


_CACHE: WeakKeyDictionary[type, dict[str, MethodInfo]] = WeakKeyDictionary()


def methods_of(cls: type) -> dict[str, MethodInfo]:
    """Public methods of a class's objects, its own first; without class and static methods."""
    found = _CACHE.get(cls)
    if found is None:
        found = {name: read_method(name, getattr(cls, name)) for name in _public(cls, inspect.isfunction)}
        _CACHE[cls] = found
    return found


def static_methods_of(cls: type) -> dict[str, MethodInfo]:
    """Public class and static methods: mostly alternative constructors."""
    names = _public(cls, lambda value: isinstance(value, classmethod | staticmethod))
    return {name: read_method(name, getattr(cls, name)) for name in names}


def properties_of(cls: type) -> dict[str, tuple[str, str]]:
    """Public properties: name → (type, doc)."""
    found: dict[str, tuple[str, str]] = {}
    for name in _public(cls, lambda value: isinstance(value, property | cached_property)):
        value = inspect.getattr_static(cls, name)
        getter: Any = value.fget if isinstance(value, property) else value.func
        found[name] = (text_of(inspect.signature(getter).return_annotation), parse(inspect.getdoc(value)).text)
    return found


def _public(cls: type, accept: Callable[[Any], bool]) -> list[str]:
    names: dict[str, bool] = {}
    for base in cls.__mro__:
        if base.__module__ == "builtins":
            continue
        for name, value in vars(base).items():
            if not name.startswith("_"):
                names.setdefault(name, accept(value) and not _is_internal(value))
    return [name for name, accepted in names.items() if accepted]


def _is_internal(value: object) -> bool:
    return hasattr(value.fget if isinstance(value, property) else value, INTERNAL)
