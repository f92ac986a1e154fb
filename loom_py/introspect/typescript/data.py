"""TypeScript of plain data: interfaces, layer configs, errors and literal unions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from loom_py.introspect.names import pascal
from loom_py.introspect.typescript.comments import comment, field_comment
from loom_py.introspect.typescript.types import CannotCross, Names, Writer

Record = Mapping[str, Any]


def data_declarations(description: Record, names: Names) -> Iterator[str]:
    """Types of everything that crosses by value, in a fixed order."""
    taken, given = Writer(names, "async", "in"), Writer(names, "async", "out")
    kinds = {event["name"]: event for event in description["events"]}
    for alias in description["aliases"]:
        if alias["choices"]:
            choices = " | ".join(json.dumps(choice) for choice in alias["choices"])
            yield comment(alias["doc"]) + f"export type {alias['name']} = {choices};\n"
    for record in description["dataclasses"]:
        if record["name"] in kinds:
            yield from _event(record, kinds[record["name"]], given)
        elif record["name"] in names.data_out:
            yield _output(record["name"], record, record["fields"], given)
        if record["name"] in names.data_in:
            yield _input(names.data_in[record["name"]], record, taken)
    for family, members in names.kinds.items():
        union = one_a_line([names.data_in[name] for name in members if name in names.data_in])
        yield comment(f"Options of a kind of `{family}`, discriminated by `type`.") + (
            f"export type {family}Config ={union};\n"
        )
    yield from _layers(description["layers"], taken)
    yield from _errors(description["errors"])


def _output(name: str, record: Record, fields: Iterable[Record], writer: Writer) -> str:
    """Output data: every key is present."""
    body = "".join(_output_field(field, writer) for field in fields)
    return comment(record["doc"]) + f"export interface {name} {{\n{body}}}\n"


def _output_field(field: Record, writer: Writer) -> str:
    try:
        written = writer.type_of(field["type"])
    except CannotCross:
        written = "unknown"
    return comment(field["doc"], indent="  ") + f"  readonly {field['name']}: {written};\n"


def _input(name: str, record: Record, writer: Writer) -> str:
    """Input data: keys with a default are optional, those that can't cross are omitted."""
    kind = f"  readonly type{_may_be_left_out(record)}: {json.dumps(record['name'])};\n" if record["family"] else ""
    fields = input_fields(record["fields"], writer)
    return comment(record["doc"]) + f"export interface {name} {{\n{kind}{fields}}}\n"


def _may_be_left_out(record: Record) -> str:
    """ "?" if the family has one kind, which makes "type" redundant."""
    return "?" if record["family"] == record["name"] else ""


def input_fields(fields: Iterable[Record], writer: Writer, *, indent: str = "  ") -> str:
    """Lines of input keys; those with a default are optional."""
    lines = ""
    for field in fields:
        try:
            written = writer.type_of(field["type"])
        except CannotCross:
            if field["required"]:
                raise
            continue
        mark = "" if field["required"] else "?"
        lines += field_comment(field, indent) + f"{indent}readonly {field['name']}{mark}: {written};\n"
    return lines


def _event(record: Record, event: Record, writer: Writer) -> Iterator[str]:
    """A union of one interface per kind, discriminated by a required key."""
    name, key = record["name"], event["key"]
    rest = [field for field in record["fields"] if field["name"] != key]
    yield _output(f"{name}Fields", record, rest, writer)
    for kind in event["kinds"]:
        value = json.dumps(kind)
        yield comment(f"`{name}` with `{key}` {value}.") + (
            f"export interface {_kind_name(name, kind)} extends {name}Fields {{\n  readonly {key}: {value};\n}}\n"
        )
    union = one_a_line([_kind_name(name, kind) for kind in event["kinds"]])
    yield comment(f"Discriminated by `{key}`. {record['doc']}") + f"export type {name} ={union};\n"


def _kind_name(name: str, kind: str) -> str:
    """`TrainingEvent`, `epoch_end` → `EpochEndEvent`; `LayerStats`, `forward` → `ForwardLayerStats`."""
    return pascal(kind) + name.removeprefix("Training")


def _layers(layers: Iterable[Record], writer: Writer) -> Iterator[str]:
    names = []
    for layer in layers:
        name = f"{layer['name']}Config"
        names.append(name)
        fields = input_fields(layer["parameters"], writer)
        yield comment(layer["doc"]) + (
            f"export interface {name} {{\n  readonly type: {json.dumps(layer['type'])};\n{fields}}}\n"
        )
    if names:
        yield comment("A layer as data, discriminated by `type`.") + f"export type LayerConfig ={one_a_line(names)};\n"


def _errors(errors: Iterable[Record]) -> Iterator[str]:
    """Errors in JavaScript: an Error with the name of the Python class and its code."""
    names = []
    for error in errors:
        name = error["name"]
        names.append(name)
        yield comment(error["doc"]) + (
            f"export interface {name} extends LoomErrorFields {{\n"
            f"  readonly name: {json.dumps(name)};\n  readonly code: {json.dumps(error['code'])};\n}}\n"
        )
    if names:
        yield comment("Every error of the package, discriminated by `code`.") + (
            f"export type AnyLoomError ={one_a_line(names)};\n"
        )


def one_a_line(names: list[str]) -> str:
    """A union of names for the right side of "=", one per line if it is long."""
    joined = " " + " | ".join(names)
    return joined if len(joined) < 90 else "".join(f"\n  | {name}" for name in names)
