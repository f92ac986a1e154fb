"""One GPU, several at work on it: networks, runs of one network, observers that turn things over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import loom_py as nn
from loom_py.executors.webgpu import find
from tests.ops import machines

pytestmark = [
    pytest.mark.cpython,
    pytest.mark.skipif(machines.webgpu() is None, reason="no Vulkan driver, not even Chromium's"),
]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((96, 12)).astype(np.float32)
Y = RNG.integers(0, 5, 96).astype(np.int32)
OPTIONS = nn.TrainingConfig(epochs=3, batch_size=16, learning_rate=0.01, optimizer="adam")


def network(device: Any, seed: int = 4) -> nn.Network:
    net = nn.Network.of(12, [nn.Dense(12, 24, activation="relu"), nn.Dense(24, 5)], seed=seed)
    net.to(device)
    return net


def close(one: nn.Network, other: nn.Network) -> None:
    for name, value in one.parameters().items():
        np.testing.assert_allclose(value, other.parameters()[name], atol=1e-4)


def test_reports_wait_for_who_comes_back_late() -> None:
    """A run that rests in the middle of steps under way finds what they gave, however much others did meanwhile."""
    nets = [network("webgpu"), network("numpy")]
    for net in nets:
        run = net.fit_trainer(X, Y, OPTIONS).run()
        while next(run).type != "batch_end":
            pass
        network(net.device, seed=5).fit(X, Y, nn.TrainingConfig(epochs=1, batch_size=1))
        for _ in range(70):
            net.forward(X)
        assert [event.type for event in run].count("batch_end") == 17
    close(*nets)


def test_reports_that_nobody_asks_for_are_let_go_of() -> None:
    net, host = network("webgpu"), find.find_executor().host
    net.forward(X)
    waiting = len(host._reports)  # type: ignore[attr-defined]
    for _ in range(100):
        net.forward(X)
    assert len(host._reports) <= waiting + 1  # type: ignore[attr-defined]
