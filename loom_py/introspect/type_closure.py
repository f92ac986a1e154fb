"""The type closure: public names and all types that their annotations refer to, directly or not."""

from __future__ import annotations

import sys
from collections import abc
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

from loom_py.errors import ConfigError
from loom_py.introspect.annotations import VOCABULARY, is_alias, names_in, render
from loom_py.introspect.docstrings import module_attribute_docs, parse
from loom_py.introspect.records import Record, data_record, is_data


@dataclass
class TypeClosure:
    """Types in the closure, by name."""

    data: dict[str, type]
    """Data classes."""
    aliases: dict[str, object]
    """Type aliases and enums."""
    protocols: dict[str, type] = field(default_factory=dict)
    """Protocols: any object with their methods fits."""


def follow(content: Record, closure: TypeClosure, names: Mapping[str, object]) -> None:
    """Extend `closure` by all types that the annotations in `content` refer to, directly or not.

    Args:
        content: records of public names.
        closure: the public types at first.
        names: the package's types by name.

    Raises:
        ConfigError: a name that is referred to has two different definitions in the package.
    """
    waiting = [*_names_of(content), *closure.data, *closure.aliases]
    seen = set(VOCABULARY)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        value = closure.data.get(name, closure.aliases.get(name)) or names.get(name)
        if isinstance(value, type) and is_data(value):
            closure.data[name] = value
            waiting += _names_of(data_record(value))
        elif is_alias(value):
            closure.aliases[name] = value
            waiting += names_in(render(value)) if not isinstance(value, type) else []
        elif isinstance(value, type) and getattr(value, "_is_protocol", False):
            closure.protocols[name] = value


def protocol_record(name: str, protocol: type, classes: Iterable[type]) -> Record:
    """A protocol and the public classes that have all its methods."""
    wanted = [key for key in vars(protocol) if not key.startswith("_")]
    fitting = [cls.__name__ for cls in classes if all(hasattr(cls, key) for key in wanted)]
    return {"name": name, "doc": parse(protocol.__doc__).text, "methods": wanted, "classes": fitting}


def _names_of(record: object) -> Iterator[str]:
    """All names in a record's annotations."""
    if isinstance(record, dict):
        for key, value in record.items():
            if key in ("type", "returns"):
                for text in [value] if isinstance(value, str) else value:
                    yield from names_in(text)
            else:
                yield from _names_of(value)
    elif isinstance(record, list):
        for item in record:
            yield from _names_of(item)


class DefinedTypes(Mapping[str, object]):
    """The types defined in a package's modules, by bare name; annotations may use a name without importing it."""

    def __init__(self, module: ModuleType, without: Collection[type] = ()) -> None:
        """Collect the types of the modules imported so far, except the names of the classes in `without`."""
        hidden = {cls.__name__ for cls in without}
        self._found: dict[str, dict[str, object]] = {}
        for part in modules_of(module):
            for name, value in vars(part).items():
                own = is_alias(value) or (isinstance(value, type) and value.__module__ == part.__name__)
                # `Sequence` in an annotation is always Python's.
                if own and name not in hidden and not hasattr(abc, name):
                    self._found.setdefault(name, {})[part.__name__] = value

    def __getitem__(self, name: str) -> object:
        """The type of that name.

        Raises:
            KeyError: no module defines it.
            ConfigError: two modules define different types of that name.
        """
        (home, value), *others = self._found[name].items()
        different = [module for module, other in others if other is not value and other != value]
        if different:
            raise ConfigError.expected(
                f"type name {name}",
                expected="one definition in the package",
                got=f"different ones in {home} and {different[0]}",
                do="rename one of them: public types are found by bare name",
            )
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def import_modules(package: ModuleType) -> None:
    """Import every module of a package except `__main__`, so that all its types are defined."""
    for found in walk_packages(getattr(package, "__path__", ()), f"{package.__name__}."):
        if not found.name.endswith(".__main__"):
            import_module(found.name)


def modules_of(module: ModuleType) -> list[ModuleType]:
    """A package's imported modules, itself included, sorted by name."""
    prefix = f"{module.__name__}."
    return [part for name, part in sorted(sys.modules.items()) if name == module.__name__ or name.startswith(prefix)]


def home_of(module: ModuleType, name: str) -> str:
    """The first module whose source documents an alias; empty if none does."""
    stating = (part.__name__ for part in modules_of(module) if name in (module_attribute_docs(part.__name__) or {}))
    return next(stating, "")
