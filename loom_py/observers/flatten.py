"""The layers of a blueprint in one order: depth first, parents before their children."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def flatten_layers(layers: Iterable[Any]) -> Iterator[Any]:
    """All layers (dicts or dataclasses), nested ones after their parent."""
    for layer in layers:
        yield layer
        yield from flatten_layers(field_of(layer, "children") or ())


def flatten_paths(layers: Iterable[Any]) -> list[str]:
    """Paths of all layers; a layer's place in this list is its position."""
    return [str(field_of(layer, "path")) for layer in flatten_layers(layers)]


def field_of(layer: Any, name: str) -> Any:
    """A field of a layer, be it a dict or a dataclass; None if it has none."""
    return layer.get(name) if isinstance(layer, dict) else getattr(layer, name, None)
