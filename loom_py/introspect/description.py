"""`describe()`: the whole public interface as JSON data, the one source of types, reference and schemas."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from loom_py.events import LayerStats, TrainingEvent
from loom_py.introspect.annotations import VOCABULARY, is_alias, names_in, render
from loom_py.introspect.docstrings import module_attribute_docs
from loom_py.introspect.records import (
    Record,
    alias_record,
    class_record,
    data_record,
    error_record,
    function_record,
    functions_in,
    is_data,
    layer_record,
)

SCHEMA_VERSION = 1
FILE = Path(__file__).with_name("described.json")
EVENTS = (LayerStats.__name__, TrainingEvent.__name__)


def describe(api: ModuleType | None = None) -> dict[str, Any]:
    """Describe the public interface: every class, data class, layer, event, error, function and alias, with docs.

    Field docs are read from the source. Where there is none (an installed package may hold bytecode alone), the
    description that was made when the package was built is given instead.

    Args:
        api: the package to describe, by its `__all__`; this package if not given.

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
    """Describe a package from its live objects, whatever is stored."""
    public = {name: getattr(module, name) for name in sorted(module.__all__)}
    layers = layer_types(public, module.__name__)
    values = [value for value in public.values() if value not in layers.values()]
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "version": _version(module),
        "names": sorted(public),
        "classes": [class_record(value) for value in values if _is_handle(value)],
        "layers": [layer_record(name, cls) for name, cls in sorted(layers.items())],
        "functions": [function_record(name, value) for name, value in functions_in(public).items()],
        "errors": [error_record(value) for value in values if _is_error(value)],
    }
    data = {value.__name__: value for value in values if is_data(value)}
    aliases = {name: value for name, value in public.items() if is_alias(value)}
    names = {name: value for name, value in package_names(module).items() if value not in layers.values()}
    _follow(content, data, aliases, names)
    content["dataclasses"] = [data_record(cls) for _, cls in sorted(data.items())]
    content["aliases"] = [alias_record(name, value, *_home(module, name)) for name, value in sorted(aliases.items())]
    content["events"] = list(_events(content["dataclasses"]))
    content["content_hash"] = content_hash(content)
    return content


def _follow(content: Record, data: dict[str, type], aliases: dict[str, object], names: Mapping[str, object]) -> None:
    """Add the data classes and aliases that the types in `content` lead to, and those that these lead to."""
    waiting = [*_names_of(content), *data, *aliases]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        value = data.get(name, aliases.get(name, names.get(name)))
        if name in seen or name in VOCABULARY:
            continue
        seen.add(name)
        if isinstance(value, type) and is_data(value):
            data[name] = value
            waiting += _names_of(data_record(value))
        elif is_alias(value):
            aliases[name] = value
            waiting += names_in(render(value)) if not isinstance(value, type) else []


def _names_of(record: object) -> Iterator[str]:
    """All names in the type texts of a record."""
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


def package_names(module: ModuleType) -> dict[str, object]:
    """The types that a package's modules define, by name; annotations may name them without being able to import."""
    found: dict[str, object] = {}
    for part in _modules(module):
        for name, value in vars(part).items():
            if is_alias(value) or (isinstance(value, type) and value.__module__ == part.__name__):
                found.setdefault(name, value)
    return found


def _modules(module: ModuleType) -> list[ModuleType]:
    prefix = f"{module.__name__}."
    return [part for name, part in sorted(sys.modules.items()) if name == module.__name__ or name.startswith(prefix)]


def _home(module: ModuleType, name: str) -> list[str]:
    """The module whose source documents an alias: the first that states anything of it."""
    return [part.__name__ for part in _modules(module) if name in (module_attribute_docs(part.__name__) or {})][:1]


def canonical(data: Mapping[str, Any]) -> str:
    """The one JSON text of a description: sorted keys, no spaces, no NaN."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(data: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON without its own `content_hash`."""
    content = {key: value for key, value in data.items() if key != "content_hash"}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def load_described() -> dict[str, Any] | None:
    """The description made when the package was built; None if it is absent or damaged."""
    try:
        stored = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(stored, dict) and stored.get("content_hash") == content_hash(stored)
    return stored if fits else None


def _version(module: ModuleType) -> str:
    """The package's version: its own word, or its project file's beside a source tree, or its installation's."""
    if hasattr(module, "__version__"):
        return str(module.__version__)
    project = Path(module.__file__ or "").parent.parent / "pyproject.toml"
    # Imported here: a page reads the stored description, which has the version in it, and these take long to load.
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

    They are those in the `REGISTRY` beside the public class `Layer`; without one, the subclasses of it.
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


def _events(dataclasses: list[Record]) -> Iterator[Record]:
    """The records that observers are told: each with the key that tells its kinds apart, and its kinds."""
    for record in dataclasses:
        for field in record["fields"]:
            if record["name"] in EVENTS and field["required"] and field["choices"]:
                yield {"name": record["name"], "key": field["name"], "kinds": field["choices"]}
