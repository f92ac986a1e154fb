"""Layers in sequence, shared by Sequential, Residual and a network's grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.layer import Layer
from loom_py.layers.run import Run


def chain_forward(layers: Sequence[Layer], x: Any, run: Run, field: str = "layers") -> tuple[Any, list[Any]]:
    """Output of the last layer, and every layer's cache."""
    caches = []
    for i, layer in enumerate(layers):
        x, cache = run.forward(f"{field}.{i}", layer, x)
        caches.append(cache)
    return x, caches


def chain_backward(layers: Sequence[Layer], caches: Sequence[Any], dy: Any, run: Run, field: str = "layers") -> Any:
    """Gradient of the first layer's input; None for integer ids."""
    for i in reversed(range(len(layers))):
        if dy is None:
            break  # layers before one that takes ids only pass them on
        dy = run.backward(f"{field}.{i}", layers[i], caches[i], dy)
    return dy


def chain_gives(layers: Sequence[tuple[LayerPlace, Layer]], incoming: Given) -> Given:
    """What the last layer gives, from what comes into the first."""
    for place, layer in layers:
        incoming = layer.gives(incoming, place)
    return incoming


def places(layers: Sequence[Layer], at: LayerPlace, field: str = "layers") -> list[tuple[LayerPlace, Layer]]:
    """The inner layers of a layer, with their places."""
    return [(at.child(f"{field}.{i}"), layer) for i, layer in enumerate(layers)]


def chain_ids(layers: Sequence[Layer]) -> int | None:
    """Number of ids that the input may hold: that of the first layer that does not just pass them on."""
    return next((layer.ids for layer in layers if not layer.passes), None)
