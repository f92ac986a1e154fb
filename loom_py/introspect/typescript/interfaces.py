"""Interfaces of handles and of the library in both APIs: direct (same thread) and async (worker, all Promises)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loom_py.introspect.names import camel, pascal, snake
from loom_py.introspect.typescript.comments import comment, method_comment
from loom_py.introspect.typescript.data import input_fields, one_a_line
from loom_py.introspect.typescript.names import handle_classes, handle_methods, only_handles
from loom_py.introspect.typescript.types import Api, CannotCross, Names, Writer

Record = Mapping[str, Any]


def interface_declarations(description: Record, names: Names, api: Api) -> Iterator[str]:
    """Interfaces of one API in a fixed order; members that can't cross are omitted."""
    handles = [record for record in handle_classes(description) if _can_be_made(record, Writer(names, api, "in"))]
    known = only_handles(names, {record["name"] for record in handles})
    scribe = Scribe(Writer(known, api, "in"), Writer(known, api, "out"))
    for record in handles:
        methods = "".join(scribe.method(record["name"], method) for method in handle_methods(description, record))
        properties = "".join(scribe.property(item) for item in record["properties"])
        yield from scribe.take_options()
        yield comment(record["doc"]) + (
            f"export interface {record['name']} extends Handle {{\n{properties}{methods}}}\n"
        )
    for base, derived in known.families.items():
        if base in known.opaque:
            yield f"export type {base} ={one_a_line([*derived])};\n"
    members = "".join(scribe.method("Loom", function) for function in description["functions"])
    members += "".join(scribe.maker(record) for record in handles)
    yield from scribe.take_options()
    yield comment("The library: its functions and constructors.") + (
        f"export interface Loom extends Handle {{\n{members}}}\n"
    )


def _can_be_made(record: Record, taken: Writer) -> bool:
    """Whether the constructor's required parameters can cross; otherwise the API has no such object."""
    if record["name"] in MADE_BY_HAND:
        return True
    try:
        for parameter in record["constructor"]:
            if parameter["required"]:
                taken.type_of(parameter["type"])
    except CannotCross:
        return False
    return True


@dataclass
class Scribe:
    """Writes the members of one API's interfaces."""

    taken: Writer
    given: Writer

    def __post_init__(self) -> None:
        self._options: list[str] = []

    def method(self, owner: str, method: Record) -> str:
        """One method; empty if it can't be called through this API."""
        try:
            by_hand = RETURNED_BY_HAND.get((owner, method["method_name"]))
            return self._member(owner, method, by_hand or self.given.type_of(_returns(method)))
        except CannotCross:
            return ""

    def maker(self, record: Record) -> str:
        """The library's function that constructs an object; empty if it is written by hand."""
        name = snake(record["name"])
        doc = record["doc"].partition("\n")[0]
        method = {**_NOTHING, "method_name": name, "doc": f"Make: {doc}", "parameters": record["constructor"]}
        if record["name"] in MADE_BY_HAND:
            return ""
        try:
            return self._member("Loom", method, record["name"])
        except CannotCross:
            return ""

    def property(self, item: Record) -> str:
        """A property: a field in the direct API, a call to the worker in the async one."""
        try:
            written, name = self.given.type_of(item["type"]), camel(item["name"])
        except CannotCross:
            return ""
        member = f"{name}(): Promise<{written}>" if self.given.api == "async" else f"readonly {name}: {written}"
        return comment(item["doc"], indent="  ") + f"  {member};\n"

    def take_options(self) -> Iterator[str]:
        """The options interfaces of the members written since the last call."""
        yield from self._options
        self._options = []

    def _member(self, owner: str, method: Record, result: str) -> str:
        parameters = self._crossing(method["parameters"])
        positional = [p for p in parameters if p["kind"] != "keyword_only"]
        options = self._options_of(owner, method, [p for p in parameters if p["kind"] == "keyword_only"])
        listed = [self._parameter(p, before_required=options.startswith("options:")) for p in positional]
        returned = f"Promise<{_void(result)}>" if self.given.api == "async" or method["async"] else _void(result)
        text = ", ".join([*listed, *([options] if options else [])])
        shown = [{**p, "name": camel(p["name"])} for p in positional]
        head = method_comment(method, shown, "named arguments" if options else "")
        return f"{head}  {camel(method.get('spelled', method['method_name']))}({text}): {returned};\n"

    def _crossing(self, parameters: Iterable[Record]) -> list[Record]:
        """Parameters that can cross; raises if a required one can't.

        Positional parameters after one that can't cross are omitted too, since their positions would shift.
        """
        kept: list[Record] = []
        shifted = False
        for parameter in parameters:
            if parameter["kind"] == "var_keyword":
                continue  # JavaScript has objects for options
            by_name = parameter["kind"] == "keyword_only"
            try:
                self.taken.type_of(parameter["type"])
            except CannotCross:
                if parameter["required"]:
                    raise
                shifted = shifted or not by_name
            else:
                if by_name or not shifted:
                    kept.append(parameter)
        return kept

    def _parameter(self, parameter: Record, *, before_required: bool) -> str:
        written, name = self.taken.type_of(parameter["type"]), camel(parameter["name"])
        if parameter["kind"] == "var_positional":
            return f"...{name}: readonly ({written})[]"
        if parameter["required"]:
            return f"{name}: {written}"
        # TypeScript allows no optional parameter before a required one.
        return f"{name}: {written} | undefined" if before_required else f"{name}?: {written}"

    def _options_of(self, owner: str, method: Record, parameters: list[Record]) -> str:
        """The options parameter, with its interface queued for `take_options`; empty without options."""
        long = self.given.api == "async" and method.get("long", False)
        if not parameters and not long:
            return ""
        if not parameters:
            return "options?: LongCallOptions"
        name = f"{owner}{pascal(method['method_name'])}Options"
        extends = " extends LongCallOptions" if long else ""
        self._options.append(
            comment(f"Named arguments of `{owner}.{camel(method['method_name'])}`.")
            + f"export interface {name}{extends} {{\n{input_fields(parameters, self.taken)}}}\n"
        )
        return f"options{'' if any(p['required'] for p in parameters) else '?'}: {name}"


_NOTHING: Record = {"returns": [], "returns_doc": "", "raises": [], "async": False}
MADE_BY_HAND = frozenset({"Network"})
RETURNED_BY_HAND = {("Network", "to_config"): "NetworkConfig"}


def _returns(method: Record) -> str:
    return method["returns"][0] if method["returns"] else "None"


def _void(result: str) -> str:
    return "void" if result == "null" else result
