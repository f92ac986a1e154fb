"""The models that the bench trains, and their data: the same on every host, for us and for the peers.

All are trained by plain SGD on one batch, so that a step is forward, loss, backward and update and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loom_py import (
    LSTM,
    Batch,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    LayerNorm,
    MaxPool2D,
    MultiHeadAttention,
    Network,
    Residual,
    TrainingConfig,
)

SEED = 1
PIXELS = 64


@dataclass(frozen=True)
class Model:
    """A network and its data: `target` is the shape of one sample's labels, `classes` their number."""

    input: tuple[int, ...]
    layers: Sequence[Layer]
    batch: int
    classes: int
    rate: float
    target: tuple[int, ...] = ()

    def network(self, device: str) -> Network:
        net = Network.of(self.input, self.layers, seed=SEED)
        net.to(device)  # type: ignore[arg-type]
        return net

    @property
    def config(self) -> TrainingConfig:
        return TrainingConfig(learning_rate=self.rate)


def _mlp(sizes: tuple[int, ...], batch: int) -> Model:
    hidden = [Dense(i, o, "relu") for i, o in pairwise(sizes[:-1])]
    return Model(sizes[:1], [*hidden, Dense(*sizes[-2:])], batch, sizes[-1], 0.02)


def _cnn() -> Model:
    layers = [
        Conv2D(1, 8, 3, padding=1, activation="relu"), MaxPool2D(2),
        Conv2D(8, 16, 3, padding=1, activation="relu"), MaxPool2D(2),
        Flatten(), Dense(64, 10),
    ]  # fmt: skip
    return Model((1, 8, 8), layers, 32, 10, 0.05)


def _lstm() -> Model:
    return Model((16, 32), [LSTM(32, 64, return_sequences=False), Dense(64, 10)], 32, 10, 0.5)


class Transformer(NamedTuple):
    """Extents of a transformer: it classifies every position."""

    width: int
    heads: int
    inner: int
    blocks: int
    positions: int
    batch: int
    classes: int

    def model(self, rate: float) -> Model:
        """Blocks of attention and two dense layers, each after a norm and with a residual connection."""

        def block() -> list[Layer]:
            attention = MultiHeadAttention(self.width, self.heads, causal=True)
            wide = (Dense(self.width, self.inner, "gelu"), Dense(self.inner, self.width))
            return [Residual((LayerNorm(self.width), attention)), Residual((LayerNorm(self.width), *wide))]

        layers = [layer for _ in range(self.blocks) for layer in block()]
        layers += [LayerNorm(self.width), Dense(self.width, self.classes)]
        shape = (self.positions, self.width)
        return Model(shape, layers, self.batch, self.classes, rate, (self.positions,))


TRANSFORMERS = {
    "transformer": Transformer(width=64, heads=4, inner=128, blocks=2, positions=32, batch=16, classes=32),
    "transformer-512": Transformer(512, 8, 2048, blocks=4, positions=256, batch=16, classes=512),
    "transformer-tiny": Transformer(32, 2, 64, blocks=4, positions=8, batch=2, classes=16),
}
"""The first for the page, the second for graphics cards, the third to see that the second's way is free."""

MODELS = {
    "mlp-128": _mlp((784, 256, 128, 10), 128),
    "mlp-32": _mlp((784, 128, 64, 10), 32),
    "cnn-digits": _cnn(),
    "lstm": _lstm(),
    **{name: extents.model(0.05) for name, extents in TRANSFORMERS.items()},
}


def batch_of(name: str, digits: bytes) -> Batch:
    """The batch of a model: images of `web/demo/public/digits.bin` for the CNN, else drawn with a fixed seed."""
    model = MODELS[name]
    if name.startswith("cnn-"):
        samples = len(digits) // (PIXELS + 1)
        raw = np.frombuffer(digits, np.uint8)
        pixels: NDArray[np.float32] = raw[: model.batch * PIXELS].reshape(model.batch, *model.input) / np.float32(16)
        return Batch(pixels, raw[samples * PIXELS :][: model.batch].astype(np.int32))
    rng = np.random.default_rng(0)
    x = rng.random((model.batch, *model.input), dtype=np.float32)
    if name == "lstm" or name in TRANSFORMERS:
        x = 2 * x - 1
    return Batch(x, rng.integers(0, model.classes, (model.batch, *model.target)).astype(np.int32))
