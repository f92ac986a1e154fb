"""Inspection of WebAssembly side modules, and the checks that the kernels' modules must pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

# Imports that Emscripten's loader gives every side module, and the clock.
LOADER = {"memory", "__indirect_function_table", "__memory_base", "__table_base", "__stack_pointer"}
IMPORTS = {*LOADER, "emscripten_get_now"}
EXPORTS = {"loom_run", "loom_signature"}


class BadModuleError(Exception):
    """A module that fails a check."""


class Module(NamedTuple):
    """The parts of a module that are checked."""

    imports: set[str]
    exports: set[str]
    memory: int
    """Bytes of the module's own data, which the loader allocates."""
    sections: set[int]


def number(data: bytes, at: int) -> tuple[int, int]:
    """A LEB128 number and the offset after it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def text(data: bytes, at: int) -> tuple[str, int]:
    """A name and the offset after it."""
    length, at = number(data, at)
    return data[at : at + length].decode(), at + length


def sections(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and contents of each section."""
    at = 8
    while at < len(data):
        kind = data[at]
        size, at = number(data, at + 1)
        yield kind, data[at : at + size]
        at += size


def names_of(body: bytes, *, imported: bool) -> set[str]:
    """The names in an import or export section."""
    found = set()
    count, at = number(body, 0)
    for _ in range(count):
        if imported:
            _, at = text(body, at)
        name, at = text(body, at)
        found.add(name)
        kind, at = body[at], at + 1
        if not imported or kind == 0:  # an index
            _, at = number(body, at)
        elif kind == 3:  # a global: type, mutability
            at += 2
        else:  # a memory's limits; a table has its element type before them
            at += kind == 1
            flags, at = number(body, at)
            for _ in range(1 + (flags & 1)):
                _, at = number(body, at)
    return found


def examine(data: bytes) -> Module:
    """Read a module's sections."""
    imports: set[str] = set()
    exports: set[str] = set()
    memory = 0
    kinds = set()
    for kind, body in sections(data):
        kinds.add(kind)
        if kind == 0 and body.startswith(b"\x08dylink.0"):
            assert body[9] == 1, "the first part of dylink.0 is the memory"
            memory, _ = number(body, number(body, 10)[1])
        elif kind == 2:
            imports = names_of(body, imported=True)
        elif kind == 7:
            exports = names_of(body, imported=False)
    return Module(imports, exports, memory, kinds)


def check(name: str, data: bytes) -> Module:
    """Refuse a module that could touch memory or functions that it was not given."""
    found = examine(data)
    if not data[8:].startswith(b"\x00") or b"dylink.0" not in data[:32]:
        raise BadModuleError(f"{name}: expected a dylink.0 section first, got none")
    if found.imports - IMPORTS:
        raise BadModuleError(f"{name}: expected imports among {sorted(IMPORTS)}, got {sorted(found.imports)}")
    if found.exports - {"__wasm_call_ctors", "__wasm_apply_data_relocs"} != EXPORTS:
        raise BadModuleError(f"{name}: expected the exports {sorted(EXPORTS)}, got {sorted(found.exports)}")
    if 8 in found.sections:
        raise BadModuleError(f"{name}: expected no code that runs at loading, got a start function")
    return found
