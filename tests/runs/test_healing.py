"""Sick runs on handwritten digits: the first remedy of the first finding heals each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loom_py import Dense, DiagnosticObserver, Network, heal
from loom_py.layers import Layer
from loom_py.shapes import Array

pytestmark = pytest.mark.cpython  # scikit-learn brings the data
datasets = pytest.importorskip("sklearn.datasets")
SPLIT = 1400


def mlp(activation: Any, *widths: int, last: Any = "linear") -> list[Layer]:
    extents = (64, *widths)
    hidden = [Dense(a, b, activation) for a, b in zip(extents, widths, strict=False)]
    return [*hidden, Dense(widths[-1], 10, last)]


def filled(name: str, value: float) -> Callable[[dict[str, Array]], None]:
    return lambda parameters: parameters[name].fill(value)


def shrunk(parameters: dict[str, Array]) -> None:
    for name in parameters:
        parameters[name] *= np.float32(0.05)


# name: layers, options, what spoils the weights, factors of the features, the remedy
SICK: dict[str, tuple[list[Layer], dict[str, Any], Any, Any, str]] = {
    "vanishing": (mlp("sigmoid", *[64] * 6), {}, None, 1, "ReLU instead of sigmoid and tanh"),
    "rate too high": (mlp("relu", 64, 32), {"learning_rate": 5.0}, None, 1, "A learning rate found by a short trial"),
    "exploding": (mlp("relu", 64, 32), {"learning_rate": 50.0}, None, 1, "A learning rate found by a short trial"),
    "rate too high, Adam": (
        mlp("relu", 64, 32),
        {"learning_rate": 1.0, "optimizer": "adam"},
        None,
        1,
        "A learning rate found by a short trial",
    ),
    "rate too low": (mlp("relu", 64, 32), {"learning_rate": 1e-6}, None, 1, "A learning rate found by a short trial"),
    "rate 0": (mlp("relu", 64, 32), {"learning_rate": 0.0}, None, 1, "A learning rate found by a short trial"),
    "dead": (mlp("relu", 64, 32), {}, filled("1.bias", -20), 1, "LeakyReLU instead of ReLU"),
    "small weights": (mlp("relu", *[64] * 4), {}, shrunk, 1, "Fresh initial weights"),
    "last activation": (
        mlp("relu", 64, 32, last="sigmoid"),
        {"learning_rate": 0.01, "epochs": 30},
        None,
        1,
        "No activation in the last layer",
    ),
    "unscaled": (
        mlp("relu", 64, 32),
        {"learning_rate": 0.03},
        None,
        np.logspace(-3, 3, 64),
        "Inputs normalised by a BatchNorm in front",
    ),
}


@pytest.mark.parametrize("name", SICK)
def test_the_first_remedy_heals(name: str) -> None:
    layers, options, spoil, factors, title = SICK[name]
    images, labels = datasets.load_digits(return_X_y=True)
    x = (images / 16 * factors).astype(np.float32)
    data, test = (x[:SPLIT], labels[:SPLIT]), (x[SPLIT:], labels[SPLIT:])
    options = {"epochs": 12, "learning_rate": 0.1} | options
    net, observer = Network.of(64, layers, seed=0), DiagnosticObserver()
    if spoil:
        parameters = net.parameters()
        spoil(parameters)
        net.set_parameters(parameters)
    net.set_observer(observer)
    with np.errstate(all="ignore"):
        net.fit(*data, **(options | {"epochs": 4}))
    before = net.evaluate(*test).accuracy
    assert before is not None and before <= 0.3
    healing = heal(net, observer.get_findings()[0], *data, **options)
    assert healing.remedy.title == title
    healing.network.fit(*data, **(options | healing.options))
    after = healing.network.evaluate(*test).accuracy
    assert after is not None and after >= 0.85
