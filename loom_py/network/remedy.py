"""Remedies of a network's structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loom_py.errors import ConfigError
from loom_py.layers import BatchNorm, Layer, Sequential
from loom_py.shapes import Shape

Layers = list[Layer]


def changed_layers(layers: Sequence[Layer], input_shape: Shape, change: Mapping[str, Any]) -> Layers:
    """The layers of a grid after a remedy; those that it does not concern stay.

    Raises:
        ConfigError: it does not fit the network.
    """
    made = list(layers)
    for name, value in change.items():
        if name in STEPS:
            made = STEPS[name](made, input_shape, value)
    return made


def _activation(layers: Layers, input_shape: Shape, present: Mapping[str, str]) -> Layers:
    """The last layer keeps its activation, which belongs to the loss."""
    last = _last(layers)
    return [layer if i == last else layer.with_activation(present) for i, layer in enumerate(layers)]


def _last_activation(layers: Layers, input_shape: Shape, name: str) -> Layers:
    last = _last(layers)
    present = layers[last].activation_name
    if present is None:
        kind = type(layers[last]).__name__
        raise ConfigError.expected("last_activation", expected="a last layer with an activation", got=kind)
    return [layer.with_activation({present: name}) if i == last else layer for i, layer in enumerate(layers)]


def _init(layers: Layers, input_shape: Shape, init: Any) -> Layers:
    return [layer.with_init(init) for layer in layers]


def _normalise_input(layers: Layers, input_shape: Shape, wanted: bool) -> Layers:
    if len(input_shape) != 1:
        raise ConfigError.expected("normalise_input", expected="inputs of one axis", got=input_shape)
    return [Sequential([BatchNorm(input_shape[0]), layers[0]]), *layers[1:]] if wanted else layers


STEPS: dict[str, Callable[[Layers, Shape, Any], Layers]] = {
    "activation": _activation,
    "last_activation": _last_activation,
    "init": _init,
    "normalise_input": _normalise_input,
}
"""What each part of a change does to the layers."""


def _last(layers: Sequence[Layer]) -> int:
    """Place of the last layer that does not just pass its input on."""
    return next((i for i in reversed(range(len(layers))) if not layers[i].passes), len(layers) - 1)
