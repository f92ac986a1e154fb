"""PyTorch weights for a network: assignment of a file's tensors to layers, by a map or by their shapes.

Each layer declares the names and the conversion of its PyTorch arrays (`Layer.torch_state`, `Layer.from_torch`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from loom_py.errors import ConfigError, DataError, ShapeError, StateError
from loom_py.layers import Layer
from loom_py.shapes import AnyArray, Shape, shape_text
from loom_py.store.safetensors import TensorEntry, TensorFile

_FLOATS = ("F16", "BF16", "F32", "F64")
_MOST_SHOWN = 40
Entries = Mapping[str, TensorEntry]
Sources = dict[str, dict[str, str]]
"""By layer path: PyTorch's name within the module → name in the file."""


@dataclass(frozen=True)
class Target:
    """A layer with arrays, and the state of its PyTorch counterpart."""

    path: str
    layer: Layer
    state: dict[str, Shape]


def read_torch_weights(
    file: TensorFile, layers: Iterable[tuple[str, Layer]], names: Mapping[str, str] | None
) -> dict[str, AnyArray]:
    """Arrays of a network by full name, from a PyTorch file; all names and shapes are checked before any array is read.

    Args:
        file: file of PyTorch tensors.
        layers: every layer with its path, nested ones too.
        names: see `Network.load_torch_weights`.

    Raises:
        ConfigError: the map names something that does not exist, a module in it has tensors without a place in its
            layer, or without a map the assignment is ambiguous.
        ShapeError, DataError: a tensor has another shape, or is not of floating-point numbers.
    """
    targets = [Target(path, layer, state) for path, layer in layers if (state := layer.torch_state())]
    if names is None:
        unused = {name for target in targets for name in target.layer.torch_unused}
        sources = _in_order(targets, {n: e for n, e in file.entries.items() if n.rpartition(".")[2] not in unused})
    else:
        sources = _by_names(targets, file.entries, names)
    for target in targets:
        _check(target, sources.get(target.path), file.entries)
    found: dict[str, AnyArray] = {}
    for target in targets:
        if target.path in sources:
            arrays = {local: _float32(file.array(name)) for local, name in sources[target.path].items()}
            own = target.layer.from_torch(arrays)
            found |= {f"{target.path}.{name}": np.ascontiguousarray(array) for name, array in own.items()}
    return found


def _float32(array: AnyArray) -> AnyArray:
    with np.errstate(over="ignore"):  # values too large become infinite, which is refused by name
        return array.astype(np.float32)


def _check(target: Target, names: Mapping[str, str] | None, entries: Entries) -> None:
    """Check that a layer gets all its arrays or none, each of the right shape and dtype."""
    if names is None:
        return
    missing = sorted(set(target.state) - set(names))
    if missing:
        raise ConfigError.expected(
            f"weights of layer {target.path} ({type(target.layer).__name__})",
            expected=f"{', '.join(target.state)}", got=f"no {', '.join(missing)}",
        )  # fmt: skip
    for local, name in names.items():
        entry, wanted = entries[name], target.state[local]
        if entry.dtype not in _FLOATS:
            raise DataError.expected(f"tensor {name!r}", expected=" or ".join(_FLOATS), got=entry.dtype)
        if entry.shape != wanted:
            raise ShapeError.expected(
                f"tensor {name!r} for layer {target.path} ({type(target.layer).__name__})",
                expected=f"{shape_text(wanted)} as PyTorch has it",
                got=shape_text(entry.shape),
            )


def _by_names(targets: list[Target], entries: Entries, names: Mapping[str, str]) -> Sources:
    """A map's entries: tensor → layer path and PyTorch's name within, or module → layer path."""
    if not isinstance(names, Mapping) or not all(isinstance(text, str) for pair in names.items() for text in pair):
        raise ConfigError.expected("names", expected="a dict of texts, such as {'fc1': '0'}", got=repr(names)[:80])
    places = {f"{t.path}.{local}": (t, local) for t in targets for local in t.state}
    whole = {t.path: t for t in targets}
    sources: Sources = {}
    for theirs, ours in names.items():
        if ours in whole:
            pairs = [(f"{theirs}.{local}" if theirs else local, whole[ours], local) for local in whole[ours].state]
        elif ours in places:
            pairs = [(theirs, *places[ours])]
        else:
            raise ConfigError.expected(
                f"names[{theirs!r}]", expected=f"a layer's path or one of {_some(places)}", got=repr(ours)
            )
        for name, target, local in pairs:
            if name not in entries:
                raise StateError.expected("tensor in the file", expected=f"one of {_some(entries)}", got=repr(name))
            if sources.setdefault(target.path, {}).setdefault(local, name) != name:
                raise ConfigError.expected("names", expected="one tensor for each array", got=f"two for {ours!r}")
    used = {name for arrays in sources.values() for name in arrays.values()}
    for theirs, ours in names.items():
        if ours in whole:
            _refuse_rest(theirs, whole[ours], [name for name in entries if name not in used])
    return sources


def _refuse_rest(module: str, target: Target, unused: Iterable[str]) -> None:
    """Refuse a module with tensors that no entry of the map takes: without them the layer computes something else."""
    prefix = f"{module}." if module else ""
    ignored = {f"{prefix}{name}" for name in target.layer.torch_unused}
    rest = [name for name in unused if name.startswith(prefix) and name not in ignored]
    if rest:
        raise ConfigError.expected(
            f"names[{module!r}]", expected=f"a module of {', '.join(target.state)}, as layer {target.path}"
            f" ({type(target.layer).__name__}) has them", got=f"also {_some(rest)}",
            do="choose a layer with a place for them, or map single tensors if the others may be left out",
        )  # fmt: skip


def _in_order(targets: list[Target], entries: Entries) -> Sources:
    """Assign modules to layers with the same signature (names and shapes of arrays), in the order of numbers in names.

    Larger signatures first, since a module inside another (attention's output projection) looks like a layer too.
    """
    if len(entries) != sum(len(target.state) for target in targets):
        raise _unclear(targets, entries)
    groups: dict[frozenset[tuple[str, Shape]], list[Target]] = {}
    for target in targets:
        groups.setdefault(frozenset(target.state.items()), []).append(target)
    free = dict(entries)
    sources: Sources = {}
    for signature in sorted(groups, key=len, reverse=True):
        modules = _modules(dict(signature), free)
        if len(modules) != len(groups[signature]) or not _are_numbered(modules):
            raise _unclear(targets, entries)
        for target, module in zip(groups[signature], sorted(modules, key=_numbers), strict=True):
            sources[target.path] = {local: f"{module}{local}" for local in target.state}
            for name in sources[target.path].values():
                del free[name]
    if free:
        raise _unclear(targets, entries)
    return sources


def _modules(state: Mapping[str, Shape], entries: Entries) -> list[str]:
    """Prefixes ("encoder.0.", or "") of exactly these arrays."""
    first = next(iter(state))
    found = []
    for name in entries:
        prefix = name.removesuffix(first)
        if prefix == name or (prefix and not prefix.endswith(".")):
            continue
        beside = {n.removeprefix(prefix) for n in entries if n.startswith(prefix) and "." not in n[len(prefix) :]}
        fits = all(f"{prefix}{n}" in entries and entries[f"{prefix}{n}"].shape == s for n, s in state.items())
        if fits and beside <= set(state):
            found.append(prefix)
    return found


def _are_numbered(modules: list[str]) -> bool:
    """Whether names differ only in their numbers, which then define the order."""
    return len({re.sub(r"\d+", "0", module) for module in modules}) <= 1


def _numbers(module: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", module)]


def _unclear(targets: list[Target], entries: Entries) -> ConfigError:
    theirs = [f"{name} {shape_text(entry.shape)}" for name, entry in entries.items()]
    ours = [
        f"{t.path}.{local} {shape_text(s)} ({type(t.layer).__name__})" for t in targets for local, s in t.state.items()
    ]
    return ConfigError(
        "PyTorch weights: expected an assignment that follows from shapes and numbers in names, got an ambiguous"
        f" one; give names={{tensor: array}}. The file has: {_some(theirs)}. The network takes: {_some(ours)}"
    )


def _some(words: Iterable[str]) -> str:
    known = list(words)
    return ", ".join(known[:_MOST_SHOWN]) + (
        f" and {len(known) - _MOST_SHOWN} more" if len(known) > _MOST_SHOWN else ""
    )
