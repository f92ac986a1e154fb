"""Configurations of every layer that the gradient check and other suites run over.

A layer that is registered and has no line here fails the suite. Shapes are batch first; extents are small, odd and all
different, so that an axis taken for another shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loom_py.layers import Layer, from_config
from loom_py.shapes import AnyArray, Shape

ACTIVATIONS = ("linear", "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu", "silu", "elu")


@dataclass(frozen=True)
class Example:
    """A layer's config without its type, and an input for it.

    Attributes:
        shape: of the input, batch first.
        ids: the input is whole numbers below this; 0: it is values.
        training: the mode the layer runs in.
    """

    shape: Shape
    config: dict[str, Any] = field(default_factory=dict)
    ids: int = 0
    training: bool = True

    def layer(self, kind: str) -> Layer:
        return from_config({"type": kind, **self.config})

    def input(self, rng: np.random.Generator, dtype: Any = np.float64) -> AnyArray:
        if self.ids:
            return rng.integers(0, self.ids, self.shape).astype(np.int32)
        return rng.standard_normal(self.shape).astype(dtype)


def ex(*shape: int, ids: int = 0, training: bool = True, **config: Any) -> Example:
    return Example(shape, config, ids, training)


def dense(inputs: int, outputs: int, **options: Any) -> dict[str, Any]:
    return {"type": "Dense", "inputs": inputs, "outputs": outputs, **options}


CONV = {"in_channels": 3, "out_channels": 2}

EXAMPLES: dict[str, list[Example]] = {
    "Activation": [ex(3, 5, function=name) for name in ACTIVATIONS],
    "AvgPool1D": [ex(2, 3, 7, size=2), ex(1, 2, 8, size=3, stride=2, padding=1)],
    "AvgPool2D": [ex(2, 3, 5, 7, size=2), ex(1, 2, 6, 7, size=(3, 2), stride=(2, 1), padding=(1, 0))],
    "BatchNorm": [
        ex(5, 3, dim=3),
        ex(2, 3, 4, 5, dim=3, eps=0.1),
        ex(1, 3, 4, dim=3, momentum=0.5),
        ex(2, 3, 5, dim=3, training=False),
    ],
    "Conv1D": [
        ex(2, 3, 7, **CONV, kernel_size=3),
        ex(1, 3, 9, **CONV, kernel_size=2, stride=2, padding=1, dilation=3, activation="silu"),
        ex(2, 3, 4, **CONV, kernel_size=4, bias=False, activation="tanh"),
    ],
    "Conv2D": [
        ex(2, 3, 5, 6, **CONV, kernel_size=3),
        ex(1, 3, 6, 5, **CONV, kernel_size=(2, 3), stride=(2, 1), padding=(1, 2), dilation=(1, 2), activation="gelu"),
        ex(2, 3, 7, 7, **CONV, kernel_size=3, stride=3, padding=1, activation="softplus", bias=False),
        ex(3, 3, 1, 1, **CONV, kernel_size=1, activation="relu"),
    ],
    "Dense": [
        *(ex(3, 5, inputs=5, outputs=4, activation=name) for name in ACTIVATIONS),
        ex(2, 3, 5, inputs=5, outputs=1, bias=False),
        ex(1, 1, inputs=1, outputs=3),
    ],
    "Dropout": [ex(3, 5, rate=0.4), ex(3, 5, rate=0.4, training=False), ex(3, 5, rate=0)],
    "Flatten": [ex(2, 3, 4, 5), ex(1, 3)],
    "GroupNorm": [ex(2, 6, 3, 5, groups=2, dim=6), ex(3, 6, groups=3, dim=6, eps=0.1), ex(1, 4, 5, groups=1, dim=4)],
    "Identity": [ex(2, 3)],
    "LayerNorm": [ex(3, 5, dim=5), ex(2, 3, 5, dim=5, eps=0.1)],
    "MaxPool1D": [ex(2, 3, 7, size=2), ex(1, 2, 8, size=3, stride=2, padding=1)],
    "MaxPool2D": [ex(2, 3, 5, 7, size=2), ex(1, 2, 6, 7, size=(3, 2), stride=(2, 1), padding=(1, 0))],
    "RMSNorm": [ex(3, 5, dim=5), ex(2, 3, 5, dim=5, eps=0.1)],
    "Softmax": [ex(3, 5), ex(2, 3, 5, temperature=2.5)],
}


def named_examples() -> list[tuple[str, str, Example]]:
    """Every example as (id, layer type, example)."""
    return [
        (f"{kind}-{number}", kind, example)
        for kind, examples in sorted(EXAMPLES.items())
        for number, example in enumerate(examples)
    ]
