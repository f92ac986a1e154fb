"""Layers in sequence, shared by Sequential, Residual and a network's grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from loom_py.layers.layer import Gives, Layer
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


def chain_gives(layers: Sequence[Layer]) -> Gives:
    """Kind of the outputs: that of the last layer that is not just passing on its input's.

    Averages and picks of a distribution are probabilities, but no distribution.
    """
    passed: Gives = "same"
    for layer in reversed(layers):
        given = layer.gives  # asked once: twice at each level is 2ⁿ times in n nested chains
        if given == "within":
            passed = "within"
        elif given != "same":
            return "independent" if passed == "within" and given == "probabilities" else given
    return passed


def chain_bounds(layers: Sequence[Layer]) -> tuple[float, float]:
    """Limits of the outputs: those of the last layer that is not just passing on its input."""
    said = [layer.bounds for layer in layers if layer.gives != "same"]
    return said[-1] if said else (-math.inf, math.inf)


def chain_ids(layers: Sequence[Layer]) -> int | None:
    """Number of ids that the input may hold: that of the first layer that is not just passing on its input."""
    taking = [layer for layer in layers if layer.gives != "same"]
    return taking[0].ids if taking else None
