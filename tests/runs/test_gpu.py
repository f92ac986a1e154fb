"""Whole runs on the GPU: PyTorch's losses for text, NumPy's for digits, and memory that stays flat."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from loom_py import Batch, Conv2D, Dense, Flatten, MaxPool2D, Network, TrainingConfig
from loom_py.executors.webgpu import find
from loom_py.layers import from_config
from tests.golden import text
from tests.golden.loader import Golden, load
from tests.ops import machines
from tests.runs.test_text import CONFIGS, Curve

pytestmark = [
    pytest.mark.cpython,
    pytest.mark.skipif(machines.webgpu() is None, reason="no Vulkan driver, not even Chromium's"),
]
STEPS = 20


@pytest.mark.parametrize("case", load("text"), ids=lambda case: case.line["name"])
def test_text_is_learned_as_pytorch_does(case: Golden) -> None:
    net = Network.of(text.TIME, [from_config(config) for config in case.line["layers"]], seed=0)
    net.set_parameters({path: text.start(path, value.shape) for path, value in net.parameters().items()})
    net.to("webgpu")
    curve = Curve()
    net.set_observer(curve)
    batches = [Batch(x, y) for x, y in zip(*text.batches(), strict=True)][:STEPS]
    net.train(batches, CONFIGS[case.line["name"]])
    np.testing.assert_allclose(curve.losses, case.arrays["losses"][: len(curve.losses)], rtol=1e-5)


def test_digits_are_learned_by_convolutions_as_numpy_does() -> None:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    x = (pixels[:640] / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    config = TrainingConfig(epochs=2, batch_size=64, learning_rate=0.01, optimizer="adam")
    runs = []
    for device in ("numpy", "webgpu"):
        layers = [Conv2D(1, 8, 3, activation="relu", padding=1), MaxPool2D(2), Flatten(), Dense(128, 10)]
        net = Network.of((1, 8, 8), layers, seed=2)
        net.to(device)  # type: ignore[arg-type]
        runs.append(net.fit(x, labels[:640], config))
    np.testing.assert_allclose(runs[1].loss_history, runs[0].loss_history, rtol=1e-5)
    assert runs[1].accuracy_history == runs[0].accuracy_history


def test_thousands_of_steps_leave_memory_flat() -> None:
    executor = find.find_executor()
    x, y = np.ones((32, 4), np.float32), np.zeros(32, np.int32)

    def run(epochs: int) -> None:
        net = Network.of(4, [Dense(4, 3)], seed=1)
        net.to("webgpu")
        net.fit(x, y, TrainingConfig(epochs=epochs, batch_size=1))

    run(2)
    gc.collect()
    before = executor.heap.used, executor.heap.nbytes, executor.host.counters()["plans"]
    run(50)
    run(50)
    gc.collect()
    assert (executor.heap.used, executor.heap.nbytes, executor.host.counters()["plans"]) == before
    assert executor.host.counters()["runs"] > 3000
