"""One GPU, several at work on it: networks, runs of one network, observers that turn things over."""

from __future__ import annotations

from collections.abc import Callable
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


class Hearing(nn.Observer):
    """Does something at an event, and keeps all events."""

    def __init__(self, react: Callable[[nn.TrainingEvent], None] = lambda event: None) -> None:
        super().__init__()
        self.react = react
        self.events: list[nn.TrainingEvent] = []

    def on_training_event(self, event: nn.TrainingEvent) -> None:
        self.events.append(event)
        self.react(event)

    def count(self, kind: str) -> int:
        return [event.type for event in self.events].count(kind)


def batches(bad: int | None = None) -> list[nn.Batch]:
    inputs = X.copy()
    if bad is not None:
        inputs[16 * bad] = 3e38
    return [nn.Batch(inputs[i : i + 16], Y[i : i + 16]) for i in range(0, 96, 16)]


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_cancelled_run_tells_of_every_step_before_it_ends(at: int) -> None:
    net = network("webgpu")
    trainer = net.trainer(batches(), OPTIONS)

    def cancel(event: nn.TrainingEvent) -> None:
        if event.type == "batch_end" and event.step == at:
            trainer.cancel()

    heard = Hearing(cancel)
    net.add_observer(heard)
    for _ in trainer.run():
        pass
    assert trainer.result.stopped_because == "cancelled"
    assert heard.count("batch_end") == heard.count("batch_start") == trainer.result.steps == net.engine.steps
    assert heard.events[-1].type == "train_end"


@pytest.mark.parametrize("bad", [0, 3, 5])
@pytest.mark.parametrize("what", ["snapshot", "device"])
def test_nothing_follows_a_refused_step(bad: int, what: str) -> None:
    """Whoever has steps under way finished when a batch is announced, or takes them to another device."""

    def run(device: str, react: bool) -> tuple[nn.Network, nn.TrainingResult]:
        net = network(device)
        trainer = net.trainer(batches(bad), OPTIONS)

        def disturb(event: nn.TrainingEvent) -> None:
            if event.type == "batch_start" and what == "snapshot":
                trainer.snapshot()
            elif event.type == "batch_start" and event.batch == max(bad, 2):
                net.to("numpy")

        net.add_observer(Hearing(disturb if react else lambda event: None))
        for _ in trainer.run():
            pass
        return net, trainer.result

    (net, result), (wanted_net, wanted) = run("webgpu", True), run("numpy", False)
    assert (result.stopped_because, result.steps) == (wanted.stopped_because, wanted.steps) == ("anomaly", bad)
    assert (net.engine.steps, net.engine.updates) == (wanted_net.engine.steps, wanted_net.engine.updates)
    close(net, wanted_net)


def test_a_run_after_one_that_breaks_with_steps_in_flight_goes_on() -> None:
    net = network("webgpu")
    broken, whole = net.trainer(batches(1), OPTIONS), net.trainer(batches(), OPTIONS)
    for run in (broken.run(), whole.run()):
        for _ in run:
            pass
    assert (broken.result.stopped_because, whole.result.stopped_because) == ("anomaly", "finished")
    assert whole.result.steps == 18


@pytest.mark.parametrize("device", ["numpy", "webgpu"])
def test_no_checkpoint_in_the_middle_of_a_step(device: str) -> None:
    """There the weights are a step ahead of the counts: what goes on from it would do a batch twice."""
    net = network(device)
    trainer = net.fit_trainer(X, Y, OPTIONS)
    told: list[str] = []

    class Hasty(nn.Observer):
        def on_layer_forward(self, index: int, stats: nn.LayerStats) -> None:
            with pytest.raises(nn.StateError, match="in the middle of a step"):
                trainer.snapshot()
            told.append(stats.path)

    net.add_observer(Hasty())
    for _ in trainer.run():
        pass
    assert len(told) == 2 * 18
