"""TypeScript names for the names of a description, by direction of the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from loom_py.introspect.annotations import names_in
from loom_py.introspect.typescript.types import CannotCross, Names, Writer

Record = Mapping[str, Any]
CALLBACKS_OF = "Observer"
SPECIALS = {"Layer": "LayerConfig", "MethodInfo": "MethodInfo"}
"""Names with a hand-written TypeScript type, or one of another name: layers cross as their configs."""
SPELLED = {("Network", "model_bytes"): "save_model", ("Network", "onnx_bytes"): "export_onnx"}
"""Methods that replace another in JavaScript under its name: a page has no paths, so it saves to bytes."""


def handle_classes(description: Record) -> list[Record]:
    """The introspectable classes, whose objects are held by handle."""
    return [record for record in description["classes"] if record["introspectable"] and record["bases"]]


def handle_methods(description: Record, record: Record) -> list[Record]:
    """Methods of a handle for JavaScript, with their snake_case name there as `spelled`.

    Without callbacks, which the network calls, and without replaced methods.
    """
    base = next((item for item in description["classes"] if item["name"] == CALLBACKS_OF), None)
    callbacks = {m["method_name"] for m in base["methods"] if m["method_name"].startswith("on_")} if base else set()
    spelled = {method: name for (owner, method), name in SPELLED.items() if owner == record["name"]}
    methods = (m for m in record["methods"] if m["method_name"] not in callbacks | {*spelled.values()})
    return [{**m, "spelled": spelled.get(m["method_name"], m["method_name"])} for m in methods]


def names_of(description: Record, extra_in: Iterable[str] = (), extra_out: Iterable[str] = ()) -> Names:
    """Choose the TypeScript names; `extra_in` and `extra_out` are data classes that hand-written types use."""
    data = {record["name"]: record for record in description["dataclasses"]}
    aliases = {record["name"]: record["type"] for record in description["aliases"]}
    texts_in, texts_out = [*extra_in], [*extra_out]
    parameters = [p for method in _callables(description) for p in method["parameters"]]
    parameters += [p for record in handle_classes(description) for p in record["constructor"]]
    for parameter in parameters:
        # A callback's arguments are output.
        (texts_out if "Callable" in names_in(parameter["type"]) else texts_in).append(parameter["type"])
    texts_out += [text for method in _callables(description) for text in method["returns"]]
    texts_out += [item["type"] for record in handle_classes(description) for item in record["properties"]]
    kinds = kinds_of(description)
    taken = set(_closure(texts_in, data, aliases, kinds))
    given = set(_closure([*texts_out, *(event["name"] for event in description["events"])], data, aliases, kinds))
    names = Names(
        handles=frozenset(record["name"] for record in handle_classes(description)),
        data_in={name: _input_name(data[name], name in given) for name in taken},
        data_out={name: name for name in given},
        aliases=aliases,
        literal_aliases=frozenset(record["name"] for record in description["aliases"] if record["choices"]),
        specials=SPECIALS,
        kinds=kinds,
        families=_families(description),
        opaque=frozenset(_opaque(description)),
    )
    return _without_impossible_input(names, data)


def kinds_of(description: Record) -> dict[str, tuple[str, ...]]:
    """Families of options with several kinds, and the kinds; a family of one is plain data."""
    found: dict[str, list[str]] = {}
    for record in description["dataclasses"]:
        if record["family"] not in ("", record["name"]):
            found.setdefault(record["family"], []).append(record["name"])
    return {family: tuple(names) for family, names in found.items()}


def _input_name(record: Record, given: bool) -> str:
    if record["family"] not in ("", record["name"]):
        return f"{record['name']}Config"
    return f"{record['name']}Input" if given else str(record["name"])


def _opaque(description: Record) -> Iterator[str]:
    """Described classes whose own objects are neither data nor held by handle."""
    yield from (record["name"] for record in description["classes"] if not record["introspectable"])
    for record in description["dataclasses"]:
        yield from record["bases"]


def _without_impossible_input(names: Names, data: Mapping[str, Record]) -> Names:
    """Without data classes that can't be input: a required field can't cross, or is of another such class."""
    while impossible := [name for name in names.data_in if not _can_be_given(data[name], names)]:
        kept = {name: written for name, written in names.data_in.items() if name not in impossible}
        names = replace(names, data_in=kept, opaque=names.opaque | set(impossible))
    return names


def _can_be_given(record: Record, names: Names) -> bool:
    taken = Writer(names, "async", "in")
    try:
        for field in record["fields"]:
            if field["required"]:
                taken.type_of(field["type"])
    except CannotCross:
        return False
    return True


def only_handles(names: Names, wanted: set[str]) -> Names:
    """The same names with only these handles; JavaScript has no others."""
    families = {base: tuple(name for name in members if name in wanted) for base, members in names.families.items()}
    return replace(
        names,
        handles=names.handles & wanted,
        families={base: members for base, members in families.items() if members},
        opaque=names.opaque | (names.handles - wanted) | {base for base, members in families.items() if not members},
    )


def _families(description: Record) -> dict[str, tuple[str, ...]]:
    """Base classes and protocols that are not handles, with the handles derived from them."""
    handles = handle_classes(description)
    own = {record["name"] for record in handles}
    bases = dict.fromkeys(base for record in handles for base in record["bases"] if base not in own)
    found = {base: tuple(record["name"] for record in handles if base in record["bases"]) for base in bases}
    for protocol in description["protocols"]:
        found[protocol["name"]] = tuple(name for name in protocol["classes"] if name in own)
    return found


def _callables(description: Record) -> Iterator[Record]:
    yield from description["functions"]
    for record in handle_classes(description):
        yield from handle_methods(description, record)


def _closure(
    texts: Iterable[str], data: Mapping[str, Record], aliases: Mapping[str, str], kinds: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    """The data classes that annotations refer to, also through aliases and fields; without hand-written ones."""
    waiting = [name for text in texts for name in names_in(text)]
    seen: set[str] = set(SPECIALS)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += kinds.get(name, ())
        if name in data:
            yield name
            waiting += [inner for field in data[name]["fields"] for inner in names_in(field["type"])]
        elif name in aliases:
            waiting += names_in(aliases[name])
