"""Layers one after the other: what Sequential, Residual and a network's grid have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loom_py.layers.layer import Layer, OutputKind
from loom_py.layers.run import Run


def chain_forward(layers: Sequence[Layer], x: Any, run: Run, field: str = "layers") -> tuple[Any, list[Any]]:
    """Output of the last layer, and every layer's cache."""
    caches = []
    for i, layer in enumerate(layers):
        x, cache = run.forward(f"{field}.{i}", layer, x)
        caches.append(cache)
    return x, caches


def chain_backward(layers: Sequence[Layer], caches: Sequence[Any], dy: Any, run: Run, field: str = "layers") -> Any:
    """Gradient of the first layer's input; None when integer ids go in."""
    for i in reversed(range(len(layers))):
        if dy is None:
            break  # what stands before a layer that takes ids only passes them on
        dy = run.backward(f"{field}.{i}", layers[i], caches[i], dy)
    return dy


def chain_gives(layers: Sequence[Layer]) -> OutputKind:
    """What the outputs are: the last word of the layers that do not just pass on."""
    said = [layer.gives for layer in layers if layer.gives != "same"]
    return said[-1] if said else "same"


def chain_ids(layers: Sequence[Layer]) -> int | None:
    """How many ids the input chooses from: the first word of the layers that do not just pass on."""
    taking = [layer for layer in layers if layer.gives != "same"]
    return taking[0].ids if taking else None
