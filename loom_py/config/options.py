"""Choices with options, as plain data in every language, such as `{"type": "SGD", "momentum": 0.9}`.

A family, such as the optimizers, is a direct subclass of `Options`; its kinds are declared with `@kind`. Config,
TypeScript type, schema and checks are derived from their fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform, get_args

import numpy as np

from loom_py.config.fields import check_fields, hints
from loom_py.errors import ConfigError

OptionsConfig = Mapping[str, Any]
"""Options as plain data, as returned by `Options.to_config`."""


class Options:
    """Base of families of options."""

    kinds: ClassVar[dict[str, type[Any]]]
    """Classes of the family by their "type"."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if Options in cls.__bases__:
            cls.kinds = {}

    def __post_init__(self) -> None:
        for name, hint in hints(type(self)).items():
            object.__setattr__(self, name, revive(getattr(self, name), hint))
        check_fields(self)

    def to_config(self) -> dict[str, Any]:
        """The choice as plain data: "type" and its options."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {"type": type(self).__name__} | {field.name: _plain(getattr(self, field.name)) for field in fields}

    @classmethod
    def from_config(cls: type[O], config: Any) -> O:
        """A choice from plain data, as returned by `to_config`; missing options have their defaults.

        Args:
            config: a dict with "type", which is optional if only one class is possible.

        Raises:
            ConfigError: not a dict, an unknown type or key, a missing key, a value out of range.
        """
        if not isinstance(config, Mapping):
            raise ConfigError.expected(cls.__name__, expected='a dict with a "type"', got=type(config).__name__)
        made = cls._named(config)
        known = [field.name for field in dataclasses.fields(made)]  # type: ignore[arg-type]
        given = {key: value for key, value in config.items() if key != "type"}
        unknown = ", ".join(sorted(str(key) for key in given if key not in known))
        if unknown:
            raise ConfigError.expected(made.__name__, expected=f"keys {', '.join(known) or '(none)'}", got=unknown)
        try:
            return made(**given)
        except TypeError as error:
            raise ConfigError(f"{made.__name__}: {error}; give {', '.join(known)}") from None

    @classmethod
    def _named(cls: type[O], config: Mapping[str, Any]) -> type[O]:
        fitting = {name: found for name, found in cls.kinds.items() if issubclass(found, cls)} or {cls.__name__: cls}
        if "type" not in config and cls.__name__ in fitting:
            return fitting[cls.__name__]
        found = fitting.get(config["type"]) if isinstance(config.get("type"), str) else None
        if found is None:
            expected = " or ".join(sorted(fitting))
            raise ConfigError.expected(f'"type" of {cls.__name__}', expected=expected, got=repr(config.get("type")))
        return found


O = TypeVar("O", bound=Options)  # noqa: E741
K = TypeVar("K", bound=type[Options])


@dataclass_transform(frozen_default=True)
def kind(cls: K) -> K:
    """Declare a member of a family: a frozen dataclass, whose name is its "type" in configs, types and docs."""
    made = cast("K", dataclass(frozen=True)(cls))
    made.kinds[made.__name__] = made
    return made


def revive(value: Any, hint: Any) -> Any:
    """A field's value converted to its annotation: dicts to options, lists to tuples, NumPy's numbers to Python's."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if type(value) is int and float in _parts(hint) and int not in _parts(hint):
        return float(value)  # JavaScript does not distinguish 1 from 1.0
    if isinstance(value, Mapping):
        family = next(_families(hint), None)
        return family.from_config(value) if family else value
    if isinstance(value, list | tuple):
        inner = next(_families(hint), None)
        plain = (v.item() if isinstance(v, np.generic) else v for v in value)
        return tuple(inner.from_config(v) if inner and isinstance(v, Mapping) else v for v in plain)
    return value


def resolve(value: O | OptionsConfig | None, family: type[O]) -> O | None:
    """Options, given as such or as plain data; None stays None. Raises ConfigError."""
    return value if value is None or isinstance(value, family) else family.from_config(value)


def _families(hint: Any) -> Iterator[type[Options]]:
    """The classes of options that an annotation names, outermost first."""
    return (part for part in _parts(hint) if isinstance(part, type) and issubclass(part, Options))


def _parts(hint: Any) -> Iterator[Any]:
    """An annotation and all its parts."""
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _plain(value: Any) -> Any:
    if isinstance(value, Options):
        return value.to_config()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
