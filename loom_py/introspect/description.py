"""`describe()`: the public interface as JSON data, from which types, reference and schemas are generated."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from loom_py.introspect.annotations import is_alias
from loom_py.introspect.described_cache import content_hash, load_described
from loom_py.introspect.docstrings import module_attribute_docs
from loom_py.introspect.markers import DISCRIMINATOR
from loom_py.introspect.records import (
    Record,
    alias_record,
    class_record,
    data_record,
    error_record,
    fields_of,
    function_record,
    functions_in,
    is_data,
    layer_record,
)
from loom_py.introspect.type_closure import DefinedTypes, TypeClosure, follow, home_of, import_modules, protocol_record

SCHEMA_VERSION = 1


def describe(api: ModuleType | None = None) -> dict[str, Any]:
    """Describe the public interface: every class, data class, layer, event, error, function and alias, with docs.

    Field docs are read from the source. A package installed as bytecode alone returns the description made when
    it was built.

    Args:
        api: the package to describe, by its `__all__`; by default this package.

    Returns:
        JSON data with `schema_version`, `version`, `content_hash` and lists of records.
    """
    module = api or sys.modules[__name__.partition(".")[0]]
    if module_attribute_docs(module.__name__) is None:
        stored = load_described()
        if stored and stored["names"] == sorted(module.__all__):
            return stored
    return describe_now(module)


def describe_now(module: ModuleType) -> dict[str, Any]:
    """Describe a package from its live objects, without the stored description."""
    import_modules(module)
    public = {name: getattr(module, name) for name in sorted(module.__all__)}
    layers = layer_types(public, module.__name__)
    values: list[Any] = [value for value in public.values() if value not in layers.values()]
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "version": _version(module),
        "names": sorted(public),
        "classes": [class_record(value) for value in values if _is_handle(value)],
        "layers": [layer_record(name, cls) for name, cls in sorted(layers.items())],
        "functions": [function_record(name, value) for name, value in functions_in(public).items()],
        "errors": [error_record(value) for value in values if _is_error(value)],
    }
    closure = TypeClosure(
        {value.__name__: value for value in values if is_data(value)},
        {name: value for name, value in public.items() if is_alias(value)},
    )
    follow(content, closure, DefinedTypes(module, without=layers.values()))
    handles = [value for value in values if _is_handle(value)]
    content["dataclasses"] = [data_record(cls) for _, cls in sorted(closure.data.items())]
    aliases = sorted(closure.aliases.items())
    content["aliases"] = [alias_record(name, of, home_of(module, name)) for name, of in aliases]
    content["protocols"] = [protocol_record(name, of, handles) for name, of in sorted(closure.protocols.items())]
    content["events"] = [_event_record(cls) for _, cls in sorted(closure.data.items()) if DISCRIMINATOR in vars(cls)]
    content["content_hash"] = content_hash(content)
    return content


def _version(module: ModuleType) -> str:
    """The package's version: its `__version__`, or else from pyproject.toml, or else as installed."""
    if hasattr(module, "__version__"):
        return str(module.__version__)
    project = Path(module.__file__ or "").parent.parent / "pyproject.toml"
    # Imported late: a page has the version in the stored description, and these modules are slow to import.
    from importlib import metadata

    if project.is_file():
        import tomllib

        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    try:
        return metadata.version(module.__name__)
    except metadata.PackageNotFoundError:
        return ""


def layer_types(public: Mapping[str, object], package: str) -> dict[str, type]:
    """The package's layers by the `type` of their config.

    From the `REGISTRY` in the module of the public class `Layer`; without one, its subclasses.
    """
    base = public.get("Layer")
    registry = getattr(sys.modules.get(getattr(base, "__module__", "")), "REGISTRY", None)
    found = registry if isinstance(registry, Mapping) else {cls.__name__: cls for cls in _subclasses(base)}
    return {name: cls for name, cls in found.items() if f"{cls.__module__}.".startswith(f"{package}.")}


def _subclasses(cls: Any) -> Iterator[type]:
    for child in cls.__subclasses__() if cls else ():
        yield child
        yield from _subclasses(child)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _is_handle(value: object) -> bool:
    return isinstance(value, type) and not (is_data(value) or _is_error(value) or is_alias(value))


def _event_record(cls: type) -> Record:
    """An event: its discriminator field and the kinds."""
    key: str = getattr(cls, DISCRIMINATOR)
    kinds = next(field.choices for field in fields_of(cls) if field.name == key)
    return {"name": cls.__name__, "key": key, "kinds": list(kinds)}
