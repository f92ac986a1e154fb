"""JSON Schema (draft 2020-12) of the network config, the training config and the events, from a description."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from loom_py.introspect.annotations import names_in
from loom_py.introspect.typescript.names import kinds_of

Record = Mapping[str, Any]
Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"

_NUMBER: Schema = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
_SIMPLE: Mapping[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "Layer": {"$ref": "#/$defs/Layer"},
}
_PYTHONS_OWN = frozenset({"OptionsConfig"})
_SEQUENCES = frozenset({"list", "Sequence", "Iterable", "tuple"})


def network_schema(description: Record) -> Schema:
    """The schema of a network's config: `{"input_shape": …, "grid": …, "seed": …, "layers": […]}`."""
    size = {"type": "integer", "minimum": 1}
    grid = dict.fromkeys(("rows", "cols", "layers_per_cell"), size)
    layers = {layer["type"]: _layer(layer, description) for layer in description["layers"]}
    return {
        "$schema": DRAFT,
        "title": "Network config",
        "type": "object",
        "properties": {
            "input_shape": {
                "anyOf": [size, {"type": "array", "items": size, "minItems": 1}],
                "description": "Shape of one sample, without the batch axis; a number for a vector.",
            },
            "grid": {"type": "object", "properties": grid, "required": [*grid], "additionalProperties": False},
            "seed": {"type": ["integer", "null"], "minimum": 0},
            "layers": {"type": "array", "items": {"$ref": "#/$defs/Layer"}, "minItems": 1},
        },
        "required": ["input_shape", "layers"],
        "additionalProperties": False,
        "$defs": {"Layer": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in layers]}, **layers},
    }


TRAINING = "TrainingConfig"


def training_schema(description: Record) -> Schema:
    """The schema of training options as plain data; empty if the package has no `TrainingConfig`."""
    data = {record["name"]: record for record in description["dataclasses"]}
    if TRAINING not in data:
        return {}
    families = kinds_of(description)
    definitions: dict[str, Schema] = {}
    waiting = [TRAINING]
    while waiting:
        name = waiting.pop()
        if name in definitions:
            continue
        if name in families:
            definitions[name] = {"oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in families[name]]}
            waiting += families[name]
        else:
            definitions[name] = _record(data[name], description)
            named = [inner for field in data[name]["fields"] for inner in names_in(field["type"])]
            waiting += [inner for inner in named if inner in data or inner in families]
    whole = definitions.pop(TRAINING)
    return {"$schema": DRAFT, "title": "Training config", **whole, "$defs": dict(sorted(definitions.items()))}


def _record(record: Record, description: Record) -> Schema:
    """Plain data, with a "type" if it belongs to a family; the "type" is optional in a family of one kind."""
    schema = _object(record["fields"], description, finite=True)
    if record["family"]:
        schema["properties"] = {"type": {"const": record["name"]}, **schema["properties"]}
    if record["family"] not in ("", record["name"]):
        schema["required"] = ["type", *schema["required"]]
    return {"description": record["doc"], **schema}


def events_schema(description: Record) -> Schema:
    """The schema of the records that observers receive, as JSON: non-finite floats are strings."""
    data = {record["name"]: record for record in description["dataclasses"]}
    definitions = {
        event["name"]: _object(data[event["name"]]["fields"], description, finite=False)
        | {"description": data[event["name"]]["doc"]}
        for event in description["events"]
    }
    return {
        "$schema": DRAFT,
        "title": "Events",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in definitions],
        "$defs": definitions,
    }


def _layer(layer: Record, description: Record) -> Schema:
    schema = _object(layer["parameters"], description, finite=True)
    schema["properties"] = {"type": {"const": layer["type"]}, **schema["properties"]}
    return {"description": layer["doc"], **schema, "required": ["type", *schema["required"]]}


def _object(fields: list[Record], description: Record, *, finite: bool) -> Schema:
    return {
        "type": "object",
        "properties": {field["name"]: _field(field, description, finite=finite) for field in fields},
        "required": [field["name"] for field in fields if field["required"]],
        "additionalProperties": False,
    }


def _field(field: Record, description: Record, *, finite: bool) -> Schema:
    schema = {"enum": field["choices"]} if field["choices"] else type_schema(field["type"], description, finite=finite)
    names = {"minimum": "minimum", "maximum": "maximum", "exclusive_maximum": "exclusiveMaximum"}
    limits = {keyword: field[key] for key, keyword in names.items() if key in field}
    doc = {"description": field["doc"]} if field["doc"] else {}
    default = {} if field["required"] else {"default": field["default"]}
    return {**schema, **limits, **doc, **default}


def type_schema(text: str, description: Record, *, finite: bool = True) -> Schema:
    """The schema of an annotation; empty (any value) for types that JSON lacks."""
    aliases = {alias["name"]: alias["type"] for alias in description["aliases"]}
    defined = {record["name"] for record in description["dataclasses"]} | kinds_of(description).keys()

    def schema_of(node: ast.expr) -> Schema:
        if isinstance(node, ast.BinOp):
            sides = [side for side in (node.left, node.right) if ast.unparse(side) not in _PYTHONS_OWN]
            return _any_of(*map(schema_of, sides))
        if isinstance(node, ast.Subscript):
            args = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            base = ast.unparse(node.value)
            if base == "Literal":
                return {"enum": [ast.literal_eval(arg) for arg in args]}
            if base == "tuple" and not (isinstance(args[-1], ast.Constant) and args[-1].value is Ellipsis):
                parts = [schema_of(arg) for arg in args]
                return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts)}
            return {"type": "array", "items": schema_of(args[0])} if base in _SEQUENCES else {}
        name = ast.unparse(node)
        if name == "float" and not finite:
            return _NUMBER
        if name in defined:
            return {"$ref": f"#/$defs/{name}"}
        return schema_of(ast.parse(aliases[name], mode="eval").body) if name in aliases else _SIMPLE.get(name, {})

    return schema_of(ast.parse(text, mode="eval").body) if text else {}


def _any_of(*schemas: Schema) -> Schema:
    parts = [part for schema in schemas for part in schema.get("anyOf", [schema])]
    return {"anyOf": parts} if len(parts) > 1 else parts[0]
