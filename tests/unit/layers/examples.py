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


def cell(**more: Any) -> list[Example]:
    """What every recurrent layer is tried with; a carried state is drawn like a parameter, so it is not 0."""
    sizes = {"inputs": 3, "hidden": 4, **more}
    return [
        ex(2, 5, 3, **sizes),
        ex(1, 1, 3, **sizes),
        ex(3, 4, 3, **sizes, return_sequences=False),
        ex(2, 5, 3, **sizes, carry=3),
        ex(2, 1, 3, **sizes, carry=2, return_sequences=False),
    ]


ATTENTION = {"dim": 12, "heads": 3}
BRANCHES = [dense(5, 4, activation="tanh"), {"type": "Sequential", "layers": [dense(5, 3), dense(3, 4)]}]
NEST = {"type": "Residual", "layers": [{"type": "Parallel", "branches": [dense(4, 4), dense(4, 4)], "combine": "mean"}]}

CONV = {"in_channels": 3, "out_channels": 2}

EXAMPLES: dict[str, list[Example]] = {
    "Activation": [ex(3, 5, function=name) for name in ACTIVATIONS],
    "AvgPool1D": [ex(2, 3, 7, size=2), ex(1, 2, 8, size=3, stride=2, padding=1)],
    "AvgPool2D": [ex(2, 3, 5, 7, size=2), ex(1, 2, 6, 7, size=(3, 2), stride=(2, 1), padding=(1, 0))],
    "BatchNorm": [
        ex(5, 3, dim=3),
        ex(2, 3, 4, 5, dim=3, eps=0.1),
        ex(1, 3, 4, dim=3, momentum=0.5),
        ex(1, 3, dim=3),
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
    "Embedding": [ex(3, 5, count=7, dim=4, ids=7), ex(1, 1, count=1, dim=3, ids=1), ex(4, count=3, dim=2, ids=3)],
    "Flatten": [ex(2, 3, 4, 5), ex(1, 3)],
    "GRU": cell(),
    "GroupNorm": [ex(2, 6, 3, 5, groups=2, dim=6), ex(3, 6, groups=3, dim=6, eps=0.1), ex(1, 4, 5, groups=1, dim=4)],
    "Identity": [ex(2, 3)],
    "LSTM": cell(),
    "LayerNorm": [ex(3, 5, dim=5), ex(2, 3, 5, dim=5, eps=0.1)],
    "Max": [
        ex(2, 5, 3),
        ex(2, 3, 5, 4, axes=[2, 3]),
        ex(2, 3, 5, 4, axes=[1, -1], keepdims=True),
        ex(1, 3, 2, axes=2),
    ],
    "MaxPool1D": [ex(2, 3, 7, size=2), ex(1, 2, 8, size=3, stride=2, padding=1)],
    "MaxPool2D": [ex(2, 3, 5, 7, size=2), ex(1, 2, 6, 7, size=(3, 2), stride=(2, 1), padding=(1, 0))],
    "Mean": [
        ex(2, 5, 3),
        ex(2, 3, 5, 4, axes=[2, 3]),
        ex(2, 3, 5, 4, axes=[1, -1], keepdims=True),
        ex(1, 3, 2, axes=2),
    ],
    "MultiHeadAttention": [
        ex(2, 5, 12, **ATTENTION),
        ex(2, 5, 12, **ATTENTION, causal=True, rotary=True),
        ex(1, 1, 12, **ATTENTION, causal=True),
        ex(2, 3, 24, dim=24, heads=6, kv_heads=2, causal=True, rotary=True),
        ex(3, 4, 12, dim=12, heads=4, kv_heads=1, bias=False),
        ex(1, 257, 8, dim=8, heads=4, kv_heads=2, causal=True, rotary=True),
    ],
    "Parallel": [
        ex(3, 5, branches=BRANCHES),
        ex(2, 3, 5, branches=BRANCHES, combine="add"),
        ex(3, 5, branches=BRANCHES, combine="mean"),
        ex(3, 5, branches=BRANCHES, combine="gated", gate_inputs=5),
        ex(2, 3, 5, branches=BRANCHES, combine="gated", gate_inputs=5),
        ex(2, 3, branches=[{"type": "Embedding", "count": n, "dim": 4} for n in (5, 6)], ids=5),
    ],
    "Permute": [ex(2, 5, 3, axes=[2, 1]), ex(1, 2, 3, 4, axes=[3, 1, 2]), ex(3, 4, axes=[1])],
    "PositionalEmbedding": [ex(3, 5, 4, count=5, dim=4), ex(1, 2, 3, count=7, dim=3)],
    "RMSNorm": [ex(3, 5, dim=5), ex(2, 3, 5, dim=5, eps=0.1)],
    "RNN": [*cell(), ex(2, 5, 3, inputs=3, hidden=4, activation="gelu"), *cell(activation="silu")[2:4]],
    "Reshape": [ex(2, 3, 4, shape=[2, 6]), ex(1, 6, shape=[2, -1]), ex(2, 2, 3, 4, shape=[24])],
    "Residual": [ex(3, 4, layers=[NEST, dense(4, 4, activation="silu")]), ex(1, 2, 4, layers=[NEST, NEST])],
    "Sequential": [
        ex(3, 5, layers=[dense(5, 4), NEST, dense(4, 2)]),
        ex(2, 3, layers=[{"type": "Identity"}, {"type": "Embedding", "count": 5, "dim": 4}, NEST], ids=5),
    ],
    "Softmax": [
        *(ex(3, 5, variant=name) for name in ("standard", "masked", "sparsemax", "entmax15")),
        *(ex(2, 3, 5, variant=name, temperature=2.5) for name in ("standard", "sparsemax", "entmax15")),
    ],
    "SwiGLU": [ex(3, 5, dim=5, hidden=4), ex(2, 3, 5, dim=5, hidden=7, bias=True)],
    "Take": [
        ex(2, 5, 3, index=-1),
        ex(1, 5, 3, index=0),
        ex(2, 3, 5, 4, index=2, axis=2),
        ex(2, 3, 4, index=-2, axis=-1),
    ],
}


def named_examples() -> list[tuple[str, str, Example]]:
    """Every example as (id, layer type, example)."""
    return [
        (f"{kind}-{number}", kind, example)
        for kind, examples in sorted(EXAMPLES.items())
        for number, example in enumerate(examples)
    ]
