"""A small convolutional network learns real handwritten digits."""

from __future__ import annotations

import numpy as np
import pytest

from loom_py import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Cosine,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    Network,
    TrainingConfig,
)

HELD_OUT = 360


def block(inputs: int, outputs: int) -> list[Layer]:
    return [Conv2D(inputs, outputs, 3, padding=1, bias=False), BatchNorm(outputs), Activation("relu")]


@pytest.mark.cpython  # scikit-learn is where the data lies
def test_a_small_cnn_reads_98_percent_of_unseen_digits() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    x = (digits.images[order] / 16).astype(np.float32)[:, None]  # (N, 1, 8, 8)
    y = digits.target[order]
    layers = [
        *block(1, 16),
        *block(16, 32),
        MaxPool2D(2),
        Dropout(0.25),
        *block(32, 64),
        AvgPool2D(4),
        Flatten(),
        Dense(64, 10),
    ]
    net = Network.of((1, 8, 8), layers, seed=1)
    epochs, steps = 12, -(-(len(y) - HELD_OUT) // 32)
    config = TrainingConfig(
        epochs=epochs,
        learning_rate=3e-3,
        optimizer="adam",
        batch_size=32,
        schedule=Cosine(steps=epochs * steps),
    )
    result = net.fit(x[HELD_OUT:], y[HELD_OUT:], config)
    accuracy = (net.forward(x[:HELD_OUT]).argmax(axis=1) == y[:HELD_OUT]).mean()
    assert accuracy >= 0.98
    assert result.final_loss < 0.1 < result.loss_history[0]
