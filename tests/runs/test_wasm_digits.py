"""Digits learned on the WASM executor: epoch by epoch the losses of NumPy, and the same answers in the end."""

from __future__ import annotations

import numpy as np
import pytest

from loom_py import Dense, Network, TrainingConfig
from loom_py.executors.numpy import NumpyExecutor
from loom_py.network import device as device_module
from tests.ops import machines

pytestmark = pytest.mark.cpython  # the data come from scikit-learn


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_losses_and_answers_are_those_of_numpy(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32)
    devices = {"wasm": machines.wasm()[1], "numpy": NumpyExecutor()}
    monkeypatch.setattr(device_module, "executor_for", lambda name: devices.get(name, devices["numpy"]))
    rate = 0.1 if optimizer == "sgd" else 0.002
    config = TrainingConfig(epochs=8, learning_rate=rate, optimizer=optimizer, validation=(x[1400:], labels[1400:]))  # type: ignore[arg-type]
    runs = []
    for device in devices:
        net = Network.of(64, [Dense(64, 128, "relu"), Dense(128, 64, "tanh"), Dense(64, 10)], seed=5)
        runs.append((net.to(device).fit(x[:1400], labels[:1400], config), net.forward(x[1400:]).argmax(-1)))  # type: ignore[arg-type, attr-defined]
    (ours, answers), (wanted, wanted_answers) = runs
    np.testing.assert_allclose(ours.loss_history, wanted.loss_history, rtol=2e-3)
    np.testing.assert_allclose(ours.validation_history, wanted.validation_history, rtol=5e-3)
    assert (answers == wanted_answers).mean() > 0.99
    assert ours.validation_accuracy_history[-1] > 0.85
