"""Nothing infinite is kept: updates that overflow are refused as a whole, on every executor and by every way."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import loom_py as nn
from loom_py.config.options import kind
from loom_py.engine.layout import WEIGHTS
from loom_py.executors.base import Executor
from loom_py.executors.numpy import NumpyExecutor
from loom_py.optimizers import LARGEST_START, OPTIMIZERS, Optimizer
from loom_py.schedules import Schedule
from loom_py.shapes import AnyArray
from tests.ops import machines

RNG = np.random.default_rng(5)
X = RNG.standard_normal((16, 6)).astype(np.float32)
Y = 50 * X[:, :3]
GPU = machines.webgpu()
EXECUTORS = [NumpyExecutor(), machines.wasm()[1], *([GPU[1]] if GPU else [])]
ON_EACH = pytest.mark.parametrize("executor", EXECUTORS, ids=[executor.name for executor in EXECUTORS])


class Events(nn.Observer):
    """Keeps the texts and paths of anomalies."""

    def __init__(self) -> None:
        super().__init__()
        self.anomalies: list[tuple[str | None, str]] = []

    def on_training_event(self, event: nn.TrainingEvent) -> None:
        if event.type == "anomaly":
            self.anomalies.append((event.path, event.text or ""))


def network(executor: Executor) -> nn.Network:
    layers = [nn.Dense(6, 6, "tanh"), nn.BatchNorm(6), nn.Dropout(0.5), nn.Dense(6, 3)]
    net = nn.Network.of(6, layers, seed=3)
    net.use_executor(executor)
    return net


def memory(net: nn.Network) -> dict[str, AnyArray]:
    held = net.engine.memory
    kept = {name for name in held.sizes if name.startswith(("optimizer", "buffers", WEIGHTS))}
    return {name: held.read(name, 0, (held.sizes[name] // 4,)) for name in kept}


def unchanged(net: nn.Network, before: dict[str, AnyArray]) -> bool:
    return all(np.array_equal(array, before[name]) for name, array in memory(net).items())


@ON_EACH
@pytest.mark.parametrize("micro", [None, 7])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_an_update_that_overflows_changes_nothing(executor: Executor, optimizer: Any, micro: int | None) -> None:
    net, events = network(executor), Events()
    options: dict[str, Any] = {"loss": "mse", "optimizer": optimizer, "batch_size": 16, "micro_batch_size": micro}
    net.fit(X, Y, nn.TrainingConfig(**options))
    before, counts = memory(net), (net.engine.steps, net.engine.updates)
    net.add_observer(events)
    result = net.fit(X, Y, nn.TrainingConfig(**options, learning_rate=3e38, epochs=2))
    assert (result.stopped_because, result.steps) == ("anomaly", 0)
    assert unchanged(net, before)
    assert (net.engine.steps, net.engine.updates) == counts
    ((path, text),) = events.anomalies
    assert path in ("0", "1", "3") and f"{path}." in text
    assert "the update at learning rate 3e+38 overflows" in text and "lower the learning rate" in text


@ON_EACH
def test_the_run_after_a_refused_step_is_the_run_without_it(executor: Executor) -> None:
    """Also the masks of dropout: a refused step is not counted."""
    disturbed, plain = network(executor), network(executor)
    disturbed.fit(X, Y, nn.TrainingConfig(loss="mse", learning_rate=3e38))
    disturbed.fit(X, Y * 1e36, nn.TrainingConfig(loss="mse"))
    config = nn.TrainingConfig(loss="mse", epochs=3, optimizer="adam", batch_size=8, shuffle=False)
    assert disturbed.fit(X, Y, config).loss_history == plain.fit(X, Y, config).loss_history


@ON_EACH
def test_large_finite_gradients_train(executor: Executor) -> None:
    """Their steps are checked one by one, and steps in flight behind them keep their order and numbers."""
    net = nn.Network.of(6, [nn.Dropout(0.2), nn.Dense(6, 1)], seed=3)
    net.use_executor(executor)
    targets = X[:, :1] * 1e8
    config = nn.TrainingConfig(loss="mse", epochs=4, batch_size=4, learning_rate=0.1)
    result = net.fit(X, targets, config)
    assert (result.stopped_because, result.steps, net.engine.steps) == ("finished", 16, 16)
    same = nn.Network.of(6, [nn.Dropout(0.2), nn.Dense(6, 1)], seed=3)
    np.testing.assert_allclose(result.loss_history, same.fit(X, targets, config).loss_history, rtol=1e-3)


@ON_EACH
def test_apply_gradients_refuses_to_overflow(executor: Executor) -> None:
    net = network(executor)
    net.set_optimizer("adam")
    net.forward_cpu(X)
    net.backward_cpu(np.ones((16, 3)))
    net.apply_gradients(0.01)
    before = memory(net)
    with pytest.raises(nn.DataError, match=r"update at learning rate 3e\+38: .* in 0\.weight.*lower the learning rate"):
        net.apply_gradients(3e38)
    assert unchanged(net, before)
    net.apply_gradients(0.01)
    assert not unchanged(net, before)


def test_state_of_the_optimizer_is_looked_at_too() -> None:
    net, events = nn.Network.of(6, [nn.Dense(6, 1)], seed=1), Events()
    net.add_observer(events)
    net.fit(X, X[:, :1] * 1e25, nn.TrainingConfig(loss="mae", optimizer="adam", learning_rate=0, batch_size=16))
    assert not events.anomalies
    result = net.fit(X * 1e25, X[:, :1], nn.TrainingConfig(loss="mae", optimizer="adam", learning_rate=0))
    assert result.stopped_because == "anomaly"
    assert "adam's v of 0.weight" in events.anomalies[0][1]


def test_large_weights_and_foreign_state_are_checked_at_the_next_step() -> None:
    net = nn.Network.of(6, [nn.Dense(6, 1)], seed=1)
    net.set_parameters({"0.weight": np.full((6, 1), 3.4e38), "0.bias": [3.4e38]})
    result = net.fit(np.zeros((2, 6)), [[0.0]] * 2, nn.TrainingConfig(loss="mae", learning_rate=1e38))
    assert result.stopped_because == "finished", "a step away from infinity is a step"
    assert np.isfinite(net.parameters()["0.bias"]).all()
    result = net.fit(np.zeros((2, 6)), [[3.4e38]] * 2, nn.TrainingConfig(loss="mae", learning_rate=2e38))
    assert result.stopped_because == "anomaly"


BOUNDED = [
    nn.SGD(), nn.SGD(momentum=0.9, nesterov=True, weight_decay=0.1), nn.Adam(weight_decay=0.3), nn.Adam(beta1=0.99),
    nn.AdamW(), nn.RMSProp(momentum=0.9, weight_decay=0.5), nn.RMSProp(), nn.Lion(weight_decay=1.0),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", BOUNDED, ids=repr)
@pytest.mark.parametrize("rate", [1e-3, 0.1, 1.0])
def test_what_goes_unchecked_stays_finite(optimizer: Optimizer, rate: float) -> None:
    """Gradients that do the worst, from the largest values that a check lets pass."""
    wear = optimizer.wear()
    assert 0 < wear < 100
    worst = itertools.product((1.0, -1.0), (2.0**20, 0.0, 1e-20), (1.0, -1.0))
    sign, size, swing = np.float32(list(worst)).T
    w: AnyArray = np.float32(sign * LARGEST_START)
    state = {name: np.zeros_like(w) for name in optimizer.state()}
    if "velocity" in state:
        state["velocity"][:] = -w
    assert optimizer.settled(state)
    for number in range(min(int(1 / (wear * rate)), 200)):
        g = size * swing**number
        args = [np.float32(v) for v in (rate, number + 1)]
        optimizer.update(w, g, state, *args, None, np.float32(1))
    assert all(np.isfinite(array).all() for array in (w, *state.values()))


def test_bounds_exist_for_every_optimizer_as_it_comes() -> None:
    assert all(0 < make().wear() < 10 for make in OPTIMIZERS.values())
    assert nn.Adam(beta2=0.5).wear() == nn.SGD(weight_decay=3.0).wear() == float("inf")


# rates ---------------------------------------------------------------------------------------------------------------


@kind
class Growing(Schedule):
    """Doubles its factor, from a start."""

    start: float = 1.0

    def factor(self, step: int) -> float:
        return self.start * 4.0 ** (600 * step)


@pytest.mark.parametrize("bad", [float("inf"), float("nan"), -1.0, 1e39])
def test_rates_that_are_not_finite_are_refused(bad: float) -> None:
    net = network(EXECUTORS[0])
    with pytest.raises(nn.ConfigError, match="learning_rate"):
        nn.TrainingConfig(learning_rate=bad)
    with pytest.raises(nn.ConfigError, match=r"Constant\.value"):
        nn.Constant(bad)
    with pytest.raises(nn.ConfigError, match=r"ParameterGroup\.rate"):
        nn.ParameterGroup(rate=bad)
    net.forward_cpu(X)
    net.backward_cpu(np.ones((16, 3)))
    with pytest.raises(nn.ConfigError, match="learning_rate"):
        net.apply_gradients(bad)


@pytest.mark.parametrize(("start", "steps"), [(1.0, 1), (-1.0, 0), (float("nan"), 0)])
def test_a_schedule_that_leaves_the_finite_numbers_is_refused_there(start: float, steps: int) -> None:
    net = network(EXECUTORS[0])
    run = net.fit_trainer(X, Y, nn.TrainingConfig(loss="mse", batch_size=4, schedule=Growing(start)))
    with pytest.raises(nn.ConfigError, match=f"learning rate at step {steps}: expected a finite number"):
        for _ in run.run():
            pass
    assert run.result.steps == net.engine.steps == steps


# parts ---------------------------------------------------------------------------------------------------------------


def test_the_repeat_of_a_refused_step_draws_the_masks_of_its_parts() -> None:
    """Each part has masks of its own, so only a repeat part by part meets the layer that overflowed."""
    weight = np.full((6, 3), 0.01, np.float32)
    weight[0] = 3.3e38
    named = 0
    for seed in range(12):
        net, events = (
            nn.Network.of(6, [nn.Dense(6, 6, "sigmoid"), nn.Dropout(0.5), nn.Dense(6, 3)], seed=seed),
            Events(),
        )
        net.set_parameters({"2.weight": weight, "0.weight": np.eye(6) * 5})
        net.add_observer(events)
        options: dict[str, Any] = {"batch_size": 2, "micro_batch_size": 1, "learning_rate": 1e-30, "shuffle": False}
        net.fit(np.full((2, 6), 9.0), [0, 1], nn.TrainingConfig(**options))
        for path, text in events.anomalies:
            assert path == "2" and "layer 2 (Dense) produced" in text
            named += 1
    assert named >= 3
