"""Chain and target mode against the formulas of `docs/tweening.md`, written out in NumPy for two Dense layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import Dense, Flatten, Network, TweenConfig, TweenStep, TweenTrainer

RNG = np.random.default_rng(5)
X = RNG.normal(size=(6, 4))
LABELS = RNG.integers(0, 3, 6)
ONE_HOT = np.eye(3)[LABELS]
RATE, MOMENTUM = 0.4, 0.9
DERIVATIVES = {
    "tanh": lambda y: 1 - y**2,
    "relu": lambda y: (y > 0).astype(float),
    "sigmoid": lambda y: y * (1 - y),
}
REACH = {"tanh": (-0.95, 0.95), "relu": (-np.inf, np.inf), "sigmoid": (0.05, 0.95)}


class ByHand:
    """y = f(x W₀ + b₀) W₁ + b₁ in float64."""

    def __init__(self, net: Network, activation: str, rate: float = RATE) -> None:
        self.rate = rate
        self.p = {name: value.astype(float) for name, value in net.parameters().items()}
        self.v = {name: np.zeros_like(value) for name, value in self.p.items()}
        self.activation = activation

    def forward(self) -> tuple[np.ndarray, np.ndarray]:
        z = X @ self.p["0.weight"] + self.p["0.bias"]
        a1 = {"tanh": np.tanh(z), "relu": np.maximum(z, 0), "sigmoid": 1 / (1 + np.exp(-z))}[self.activation]
        return a1, a1 @ self.p["1.weight"] + self.p["1.bias"]

    def move(self, name: str, step: np.ndarray) -> None:
        step = np.clip(step, -1, 1)
        if name.endswith("weight"):
            self.v[name] = step = MOMENTUM * self.v[name] + (1 - MOMENTUM) * step
        self.p[name] += step

    def follow(self, layer: int, x: np.ndarray, missing: np.ndarray, rate: float) -> None:
        """Mean over the batch, as a rate is a rate per sample."""
        self.move(f"{layer}.weight", rate * x.T @ missing / len(X))
        self.move(f"{layer}.bias", rate * missing.sum(axis=0) / len(X))

    def chain(self) -> list[dict[str, float]]:
        a1, a2 = self.forward()
        g2 = ONE_HOT - a2
        u2 = np.clip(g2, -10, 10)
        g1 = np.clip(u2 @ self.p["1.weight"].T / np.sqrt(3), -10, 10)
        u1 = np.clip(g1 * 1.2, -10, 10) * DERIVATIVES[self.activation](a1)
        t1 = np.clip(a1 + 0.1 * g1, *REACH[self.activation])
        self.follow(1, a1, u2, self.rate)
        self.follow(0, X, u1, self.rate)
        return views([(a1, t1), (a2, ONE_HOT)])

    def target(self) -> list[dict[str, float]]:
        a1, a2 = self.forward()
        w = self.p["1.weight"]
        t1 = np.clip((ONE_HOT @ w.T) / np.abs(w).sum(axis=1), *REACH[self.activation])
        found = views([(a1, t1), (a2, ONE_HOT)])
        moves = [(1, a1, ONE_HOT - a2), (0, X, (t1 - a1) * DERIVATIVES[self.activation](a1))]
        for layer, x, missing in moves:
            budget = found[layer]["link_budget"]
            if budget >= 0.2:
                self.follow(layer, x, np.clip(missing, -10, 10), self.rate * (0.5 + 0.5 * budget))
        return found


def views(pairs: list[tuple[np.ndarray, np.ndarray]]) -> list[dict[str, float]]:
    found, barrier = [], 1.0
    for a, t in pairs:
        known = (a**2).sum() > 1e-3 and (t**2).sum() > 1e-3
        cosine = (a * t).sum() / np.sqrt((a**2).sum() * (t**2).sum()) if known else 0.0
        budget = (1 + cosine) / 2
        barrier *= budget
        found.append({"link_budget": budget, "gap": ((a - t) ** 2).mean(), "depth_barrier": barrier})
    return found


def check(step: TweenStep, wanted: list[dict[str, float]]) -> None:
    assert [view.path for view in step.views] == ["0", "1"]
    for view, own in zip(step.views, wanted, strict=True):
        assert {key: getattr(view, key) for key in own} == pytest.approx(own, rel=1e-4, abs=1e-7)
        assert view.bad_values == 0


def network(activation: Any) -> Network:
    return Network.of(4, [Dense(4, 5, activation), Dense(5, 3)], seed=2)


@pytest.mark.parametrize("mode", ["chain", "target"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_views_and_parameters_are_those_of_the_formulas(mode: Any, activation: str) -> None:
    net = network(activation)
    hand = ByHand(net, activation)
    trainer = TweenTrainer(net, TweenConfig(learning_rate=RATE, mode=mode))
    for _ in range(4):  # the momentum shows from the second on
        check(trainer.step(X, LABELS), getattr(hand, mode)())
        for name, value in net.parameters().items():
            np.testing.assert_allclose(value, hand.p[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_steps_and_signals_are_held() -> None:
    net = network("relu")
    hand = ByHand(net, "relu", rate=400.0)
    check(TweenTrainer(net, TweenConfig(learning_rate=400.0)).step(X, LABELS), hand.chain())
    moved = {name: value for name, value in net.parameters().items() if name.endswith("bias")}
    assert all(np.abs(value).max() == 1 for value in moved.values())
    for name, value in net.parameters().items():
        np.testing.assert_allclose(value, hand.p[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_target_mode_leaves_a_layer_alone_that_has_lost_its_target() -> None:
    net = network("relu")
    trainer = TweenTrainer(net, TweenConfig(learning_rate=RATE, mode="target"))
    trainer.step(X, LABELS)  # so that there is momentum to coast on
    net.set_parameters({"1.weight": np.zeros((5, 3)), "1.bias": [-1.0, -1.0, -1.0]})
    before = net.parameters()
    step = trainer.step(X, LABELS)
    assert step.views[1].link_budget < 0.3
    strict = TweenTrainer(net, TweenConfig(learning_rate=RATE, mode="target", least_budget=0.9))
    net.set_parameters(before)
    assert strict.step(X, LABELS).views[1].link_budget < 0.9
    after = net.parameters()
    for name in ("1.weight", "1.bias"):
        np.testing.assert_array_equal(after[name], before[name])


def test_a_direction_of_almost_nothing_is_no_direction() -> None:
    net = Network.of(2, [Dense(2, 2)], seed=0)
    net.set_parameters({"0.weight": np.zeros((2, 2))})
    view = TweenTrainer(net, loss="mse").step(np.ones((3, 2)), np.ones((3, 2))).views[0]
    assert (view.link_budget, view.gap) == (0.5, 1.0)


def test_what_overflows_on_its_way_back_becomes_0_and_is_counted() -> None:
    net = Network.of(4, [Dense(4, 5), Dense(5, 3)], seed=0)
    net.set_parameters({"0.weight": np.zeros((4, 5)), "1.weight": np.full((5, 3), 3e38)})
    before = net.parameters()
    step = TweenTrainer(net, loss="mse").step(X, np.full((6, 3), 9.0))
    assert [view.bad_values for view in step.views] == [6 * 5, 0]
    assert step.views[0].gap == 0.0
    assert step.updated
    after = net.parameters()
    np.testing.assert_array_equal(after["0.weight"], before["0.weight"])
    assert np.all(after["1.bias"] > 0)


def test_target_mode_passes_a_target_through_a_flattening() -> None:
    net = Network.of((2, 3), [Dense(3, 4), Flatten(), Dense(8, 3)], seed=0)
    x = RNG.normal(size=(6, 2, 3))
    step = TweenTrainer(net, TweenConfig(mode="target")).step(x, LABELS)
    inner, flat, _ = step.views
    assert inner.gap == pytest.approx(flat.gap, rel=1e-6)
    assert inner.link_budget == pytest.approx(flat.link_budget, rel=1e-6)
    assert flat.gap > 1e-3
