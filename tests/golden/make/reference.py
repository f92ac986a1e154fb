"""The reference of each layer type: its parameters' shapes in our layout and its forward pass in PyTorch.

Parameters are leaves in our layout and are turned into PyTorch's by differentiable operations, so that autograd answers
gradients in our layout. Backward passes are never written here: they are autograd's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from .params import Config, Params, Spec

Shapes = Callable[[Config], dict[str, Spec]]
Forward = Callable[[Config, Params, Tensor], Tensor]


@dataclass(frozen=True)
class Reference:
    """One layer type as PyTorch has it."""

    shapes: Shapes
    forward: Forward
    source: str


REFERENCES: dict[str, Reference] = {}

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.01),
    "sigmoid": Tensor.sigmoid,
    "tanh": Tensor.tanh,
    "softplus": lambda x: x.logaddexp(x.new_zeros(())),  # F.softplus turns linear above 20: wrong by 2e-9
    "gelu": F.gelu,  # exact, by erf
    "silu": F.silu,
    "elu": F.elu,
}


def no_parameters(_: Config) -> dict[str, Spec]:
    return {}


def reference(kind: str, source: str, shapes: Shapes = no_parameters) -> Callable[[Forward], Forward]:
    """Register the decorated forward pass for layers of type `kind`."""

    def register(forward: Forward) -> Forward:
        REFERENCES[kind] = Reference(shapes, forward, source)
        return forward

    return register


def activate(config: Config, x: Tensor) -> Tensor:
    return ACTIVATIONS[config.get("activation", "linear")](x)


def shapes_of(config: Config) -> dict[str, Spec]:
    return REFERENCES[config["type"]].shapes(config)


def run(config: Config, p: Params, x: Tensor) -> Tensor:
    return REFERENCES[config["type"]].forward(config, p, x)


def with_bias(config: Config, default: bool, specs: dict[str, Spec]) -> dict[str, Spec]:
    """The specs without their biases when the layer is configured to have none."""
    keep = config.get("bias", default)
    return {name: spec for name, spec in specs.items() if keep or spec.kind != "bias"}
