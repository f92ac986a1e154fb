"""Slips are taken where their meaning is clear, and else refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import loom_py as nn
from loom_py.evaluate import DeviationMetrics

X = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(int)
RAGGED: Any = [[1, 2], [3]]


def net(outputs: int = 2) -> nn.Network:
    return nn.Network.of(2, [nn.Dense(2, 8, "relu"), nn.Dense(8, outputs)], seed=0)


def loss(outputs: int, target: Any, **options: Any) -> float:
    return net(outputs).fit(X, target, epochs=1, **options).final_loss


def test_a_last_axis_of_one_may_be_there_or_not() -> None:
    assert loss(2, LABELS[:, None]) == loss(2, LABELS)
    assert loss(1, X[:, 0], loss="mse") == loss(1, X[:, :1], loss="mse")
    binary: dict[str, Any] = {"loss": "binary_cross_entropy"}
    assert loss(1, LABELS, **binary) == loss(1, LABELS[:, None], **binary)
    scored = net(1).evaluate(X, LABELS, loss="binary_cross_entropy")
    assert scored == net(1).evaluate(X, LABELS[:, None], nn.TrainingConfig(loss="binary_cross_entropy"))


def observed(layers: Any) -> int:
    network, recording = net(), nn.RecordingObserver(layers=layers)
    network.set_observer(recording)
    network.fit(X, LABELS, epochs=1)
    return len(recording.get_history())


def test_layers_of_an_observer_are_those_of_the_network() -> None:
    assert observed(["1"]) == observed([1]) > 0
    assert observed([]) == 0


def backward(gradient: Any) -> object:
    network = net()
    network.forward_cpu(X)
    return network.backward_cpu(gradient)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no such layer": (lambda: observed([9]), "paths such as 0, 1, got 9"),
    "layers by name": (lambda: observed(["dense"]), "got dense"),
    "parameters as a list": (lambda: net().set_parameters([1, 2]), "a dict of arrays by name.*got list"),  # type: ignore[arg-type]
    "ragged parameter": (lambda: net().set_parameters({"0.weight": RAGGED}), "parameter 0.weight.*one length"),
    "ragged gradient": (lambda: backward(RAGGED), "output gradient.*one length"),
    "gradient of text": (lambda: backward("x"), "output gradient: expected numbers"),
    "ragged loss": (lambda: nn.mse_loss_grad(RAGGED, RAGGED), "output.*one length"),
    "loss of nothing": (lambda: nn.mse_loss_grad([], []), "at least one sample"),
    "no probabilities": (lambda: nn.cross_entropy_loss_grad([[3.0, -1]], [0], from_logits=False), "from_logits=True"),
    "ragged batch": (lambda: DeviationMetrics().update_batch(RAGGED, RAGGED), "one length"),
    "no batch": (lambda: DeviationMetrics().update_batch(1, 2), "several samples"),
    "no sample": (lambda: DeviationMetrics().update(None, None), "expected numbers"),  # type: ignore[arg-type]
    "an option of others": (lambda: net().fit(X, LABELS, lr=0.1), "got lr; call it learning_rate"),
    "several options of others": (
        lambda: net().fit(X, LABELS, validation_data=(X, LABELS), verbose=1),
        "validation=Batch.*ConsoleObserver",
    ),
    "layers side by side": (
        lambda: nn.Sequential(nn.Dense(2, 2), nn.Dense(2, 2)),  # type: ignore[call-arg, arg-type]
        "Sequential: expected arguments layers, got too many",
    ),
    "a misspelt argument": (lambda: nn.Dense(2, 2, activate="relu"), "arguments inputs, outputs, activation.*activate"),  # type: ignore[call-arg]
    "layers before the shape": (lambda: nn.Network.of([nn.Dense(2, 2)], 2), "sample first"),  # type: ignore[list-item, arg-type]
    "dropout before ids": (
        lambda: nn.Network.of(3, [nn.Dropout(0.5), nn.Embedding(9, 4)]),
        "layer 1: Embedding input: expected integer ids",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_slip_is_refused_in_words(name: str) -> None:
    call, words = REFUSED[name]
    with pytest.raises(nn.LoomError, match=words):
        call()


@pytest.mark.parametrize("name", ["a\0b", "\ud800.loom"])
def test_names_that_no_file_can_have_are_refused_in_words(name: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: net().save_model(name),
        lambda: nn.Network.load_model(name),
        lambda: net().load_torch_weights(name),
        lambda: nn.RecordingObserver().save_to_file(name),
        lambda: nn.RecordingObserver.load(name),
        lambda: nn.TensorBoardObserver(name),
    ]
    for call in calls:
        with pytest.raises(OSError, match="characters that a system can write"):
            call()
