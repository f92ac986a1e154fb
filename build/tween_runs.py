"""Runs that compare neural tweening with backpropagation: data, networks, training methods, and one run of each."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loom_py import (
    LSTM,
    SGD,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    Network,
    Softmax,
    TrainingConfig,
    TweenConfig,
    TweenTrainer,
)

LEARNED = 0.95
"""Training accuracy of an epoch at which a run counts as having learned its data."""


class Part(NamedTuple):
    """Inputs and labels."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


class Split(NamedTuple):
    """60 % for training, 20 % for validation (choice of rates), 20 % for the reported test."""

    training: Part
    validation: Part
    test: Part


@dataclass(frozen=True)
class Data:
    """A data set of scikit-learn, and its number of epochs."""

    name: str
    load: Callable[[], Any]
    epochs: int

    @cache  # noqa: B019 (three of them, for the whole run)
    def split(self, seed: int) -> Split:
        """Shuffled by the seed; each feature with mean 0 and deviation 1 over the training part."""
        whole = self.load()
        order = np.random.default_rng(seed).permutation(len(whole.target))
        x, y = whole.data[order], whole.target[order]
        first, second = round(0.6 * len(y)), round(0.8 * len(y))
        mean, deviation = x[:first].mean(axis=0), x[:first].std(axis=0)
        x = ((x - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32)
        return Split(*(Part(x[a:b], y[a:b]) for a, b in ((0, first), (first, second), (second, len(y)))))


DIGITS = Data("digits", datasets.load_digits, 20)
WINE = Data("wine", datasets.load_wine, 60)
CANCER = Data("breast cancer", datasets.load_breast_cancer, 40)


def dense(hidden: int) -> Callable[[int, int], list[Layer]]:
    """As many hidden layers of 32 tanh."""

    def layers(inputs: int, classes: int) -> list[Layer]:
        widths = [inputs, *[32] * hidden]
        inner = [Dense(a, b, "tanh") for a, b in pairwise(widths)]
        return [*inner, Dense(32, classes), Softmax()]

    return layers


def convolution(_inputs: int, classes: int) -> list[Layer]:
    """For images of 8 × 8."""
    return [Conv2D(1, 8, 3, activation="relu"), Flatten(), Dense(288, classes), Softmax()]


def recurrent(_inputs: int, classes: int) -> list[Layer]:
    """For images of 8 × 8, read row by row."""
    return [LSTM(8, 32, return_sequences=False), Dense(32, classes), Softmax()]


@dataclass(frozen=True)
class Net:
    """A network by its name; `shape` of a sample, None for a vector."""

    name: str
    layers: Callable[[int, int], list[Layer]]
    shape: tuple[int, ...] | None = None

    def make(self, data: Data, seed: int) -> Network:
        """A fresh network for a data set."""
        part = data.split(0).training
        inputs = part.x.shape[1]
        return Network.of(self.shape or inputs, self.layers(inputs, int(part.y.max()) + 1), seed=seed)


LOGITS = Net("logits", lambda inputs, classes: dense(1)(inputs, classes)[:-1])
SHALLOW, DEEP = Net("1 hidden layer", dense(1)), Net("6 hidden layers", dense(6))
CONVOLUTION, RECURRENT = Net("convolution", convolution, (1, 8, 8)), Net("LSTM", recurrent, (8, 8))
COMBINATIONS = [
    *((DIGITS, net) for net in (SHALLOW, DEEP, CONVOLUTION, RECURRENT)),
    *((data, net) for data in (WINE, CANCER) for net in (SHALLOW, DEEP)),
]


@dataclass(frozen=True)
class Way:
    """A training method, and the rates that are tried."""

    name: str
    rates: Sequence[float]
    mode: Any = None

    def train(self, net: Network, part: Part, epochs: int, rate: float) -> Any:
        """Train; the result's `accuracy_history` has the training accuracy of each epoch."""
        if self.mode is not None:
            trainer = TweenTrainer(net, TweenConfig(mode=self.mode, learning_rate=rate))
            return trainer.fit(part.x, part.y, epochs=epochs)
        optimizer: Any = SGD(momentum=0.9) if self.name.startswith("SGD") else "adam"
        config = TrainingConfig(epochs=epochs, learning_rate=rate, optimizer=optimizer)
        return net.fit(part.x, part.y, config)


WAYS = [
    Way("SGD, momentum 0.9", (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)),
    Way("Adam", (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)),
    Way("tweening, chain", (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0), "chain"),
    Way("tweening, target", (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0), "target"),
]


@dataclass(frozen=True)
class Outcome:
    """Result of one run, on validation or test data.

    Attributes:
        epochs: until training accuracy reached LEARNED; infinite when it never did.
    """

    accuracy: float
    loss: float
    epochs: float


def run(data: Data, net: Net, way: Way, rate: float, seed: int, *, report: bool) -> Outcome:
    """Train one network and measure it on test data (`report`) or validation data."""
    split, made = data.split(seed), net.make(data, seed)
    training, held_out = (
        Part(part.x.reshape(-1, *made.input_shape), part.y)
        for part in (split.training, split.test if report else split.validation)
    )
    result = way.train(made, training, data.epochs, rate)
    score = made.evaluate(held_out.x, held_out.y)
    reached = (i + 1 for i, accuracy in enumerate(result.accuracy_history) if accuracy >= LEARNED)
    return Outcome(float(score.accuracy or 0), score.loss, next(reached, math.inf))


def best_rate(data: Data, net: Net, way: Way, seeds: Sequence[int]) -> float:
    """The rate with the best mean accuracy on validation data; among equals the one with the lowest loss."""

    def quality(rate: float) -> tuple[float, float]:
        outcomes = [run(data, net, way, rate, seed, report=False) for seed in seeds]
        loss = float(np.mean([outcome.loss for outcome in outcomes]))
        return float(np.mean([outcome.accuracy for outcome in outcomes])), -loss if math.isfinite(loss) else -math.inf

    return max(way.rates, key=quality)
