"""One public name each as JSON data: classes, data classes, layers, errors, functions and aliases."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from loom_py.introspect.annotations import choices_of, evaluate, limits_of, namespace_of, render, text_of
from loom_py.introspect.docstrings import Docstring, module_attribute_docs, parse
from loom_py.introspect.introspectable import Introspectable
from loom_py.introspect.markers import is_conditional, starter_of
from loom_py.introspect.members import (
    as_json,
    methods_of,
    properties_of,
    read_method,
    read_parameters,
    static_methods_of,
)
from loom_py.introspect.methods import MethodInfo, ParameterInfo

Record = dict[str, Any]
_PROTOCOLS = {
    "__iter__": "iterable",
    "__aiter__": "async_iterable",
    "__enter__": "context_manager",
    "__aenter__": "async_context_manager",
    "__len__": "sized",
    "__call__": "callable",
}


def is_data(value: object) -> bool:
    """Whether a class is plain data (crosses borders by value): a data class, NamedTuple or TypedDict."""
    if not isinstance(value, type) or issubclass(value, Introspectable | BaseException):
        return False
    return dataclasses.is_dataclass(value) or hasattr(value, "_fields") or typing.is_typeddict(value)


def class_record(cls: type) -> Record:
    """A class whose objects are held by handle: constructor, methods, properties."""
    doc = parse(cls.__doc__)
    return {
        "name": cls.__name__,
        "doc": doc.text,
        "bases": [base.__name__ for base in cls.__mro__[1:-1]],
        "constructor": [parameter.to_dict() for parameter in constructor_parameters(cls)],
        "methods": [_class_method(cls, info) for info in methods_of(cls).values()],
        "static_methods": [_plain(info) for info in static_methods_of(cls).values()],
        "properties": [
            {"name": name, "type": type_text, "doc": text} for name, (type_text, text) in properties_of(cls).items()
        ],
        "protocols": [word for name, word in _PROTOCOLS.items() if any(name in vars(base) for base in cls.__mro__)],
        "introspectable": issubclass(cls, Introspectable),
    }


def data_record(cls: type) -> Record:
    """A class of plain data: its fields, and what it can compute in Python."""
    doc = parse(cls.__doc__)
    own_doc = "" if doc.text.startswith(f"{cls.__name__}(") else doc.text  # what dataclass makes up, with no docstring
    is_typed_dict = typing.is_typeddict(cls)
    return {
        "name": cls.__name__,
        "doc": own_doc,
        "bases": [base.__name__ for base in cls.__mro__[1:-1]],
        "family": family_of(cls),
        "fields": [field.to_dict() for field in fields_of(cls)],
        "methods": [] if is_typed_dict else [_plain(info) for info in methods_of(cls).values()],
        "properties": [
            {"name": name, "type": type_text, "doc": text}
            for name, (type_text, text) in ({} if is_typed_dict else properties_of(cls)).items()
        ],
    }


def family_of(cls: type) -> str:
    """The class whose `kinds` name this one, as "type" does in its config; empty if it is none of a family."""
    kinds: Mapping[str, type] = getattr(cls, "kinds", {})
    if kinds.get(cls.__name__) is not cls:
        return ""
    return str(next(base.__name__ for base in cls.__mro__ if "kinds" in vars(base)))


def layer_record(type_name: str, cls: type) -> Record:
    """A layer as the config format has it: `type` and the constructor's parameters."""
    return {
        "type": type_name,
        "name": cls.__name__,
        "doc": parse(cls.__doc__).text,
        "parameters": [parameter.to_dict() for parameter in constructor_parameters(cls)],
    }


def error_record(cls: type[BaseException]) -> Record:
    """An error: its class, its stable code, and when it is raised."""
    return {
        "name": cls.__name__,
        "code": getattr(cls, "code", ""),
        "doc": parse(cls.__doc__).text,
        "bases": [base.__name__ for base in cls.__bases__],
    }


def function_record(name: str, function: Callable[..., Any]) -> Record:
    """A public function."""
    return _plain(read_method(name, function))


def alias_record(name: str, value: object, module: str = "") -> Record:
    """A type alias, with its choices when it is a Literal or an enum."""
    if isinstance(value, type) and issubclass(value, enum.Enum):
        choices: list[Any] = [as_json(member.value) for member in value]
        return {"name": name, "doc": parse(value.__doc__).text, "type": "", "choices": choices}
    doc = (module_attribute_docs(module) or {}).get(name, "")
    return {"name": name, "doc": doc, "type": render(value), "choices": list(choices_of(value))}


def _plain(info: MethodInfo) -> Record:
    """The record of a method, without what is known of an object alone."""
    return {key: value for key, value in info.to_dict().items() if key not in ("available", "unavailable_reason")}


def _class_method(cls: type, info: MethodInfo) -> Record:
    name = info.method_name
    return {**_plain(info), "conditional": is_conditional(cls, name), "long": bool(starter_of(cls, name))}


def constructor_parameters(cls: type) -> tuple[ParameterInfo, ...]:
    """Parameters of the constructor, documented by its docstring, the class's, or the fields they become."""
    doc, fields = parse(cls.__doc__), {field.name: field for field in fields_of(cls)}
    init = inspect.getattr_static(cls, "__init__")
    docs = {name: field.doc for name, field in fields.items()} | _init_docs(init, doc)
    if init is object.__init__:
        return ()
    return tuple(
        dataclasses.replace(fields[info.name], kind=info.kind) if info.name in fields else info
        for info in read_parameters(init, docs)
    )


def _init_docs(init: object, doc: Docstring) -> dict[str, str]:
    return doc.attributes | doc.parameters | parse(getattr(init, "__doc__", None)).parameters


def fields_of(cls: type) -> Iterator[ParameterInfo]:
    """The fields of a data class, NamedTuple or TypedDict, in order; none for other classes."""
    doc = parse(cls.__doc__)
    declared = (
        {f.name: f.metadata.get("doc", "") for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else {}
    )
    for name, annotation, required, default, keyword in _raw_fields(cls):
        owner = next(base for base in cls.__mro__ if name in vars(base).get("__annotations__", {}))
        namespace = namespace_of(owner)
        value = evaluate(annotation, namespace)
        stated = (module_attribute_docs(owner.__module__) or {}).get(f"{owner.__qualname__}.{name}", "")
        yield ParameterInfo(
            name=name,
            type=text_of(annotation, namespace),
            doc=declared.get(name, "") or stated or doc.attributes.get(name, "") or doc.parameters.get(name, ""),
            required=required,
            default=None if required else as_json(default),
            kind="keyword_only" if keyword else "positional_or_keyword",
            choices=choices_of(value),
            limits=limits_of(value),
        )


def _raw_fields(cls: Any) -> Iterator[tuple[str, object, bool, object, bool]]:
    """(name, annotation, required, default, keyword only) of each field."""
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            has_factory = field.default_factory is not dataclasses.MISSING
            required = field.default is dataclasses.MISSING and not has_factory
            default = field.default_factory() if callable(field.default_factory) and has_factory else field.default
            if field.init:
                yield field.name, field.type, required, default, bool(field.kw_only)
    elif typing.is_typeddict(cls):
        annotations: Mapping[str, object] = cls.__annotations__
        for name, annotation in annotations.items():
            yield name, _forward_text(annotation), name in cls.__required_keys__, None, True
    elif hasattr(cls, "_fields"):
        for name in cls._fields:
            has_default = name in cls._field_defaults
            annotation = _forward_text(cls.__annotations__[name])
            yield name, annotation, not has_default, cls._field_defaults.get(name), False


def _forward_text(annotation: object) -> object:
    # TypedDict and NamedTuple wrap postponed annotations in ForwardRef.
    return annotation.__forward_arg__ if isinstance(annotation, typing.ForwardRef) else annotation


def functions_in(api: Mapping[str, object]) -> dict[str, Callable[..., Any]]:
    """The plain functions among public names; coroutines are for Python, since JavaScript awaits every call anyway."""
    found = {name: value for name, value in api.items() if inspect.isfunction(value)}
    return {name: value for name, value in found.items() if not inspect.iscoroutinefunction(value)}
