"""Tweening learns: digits by networks of every kind, regression, classes by shares, with masks and ignored labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loom_py import (
    LSTM,
    BatchNorm,
    Conv2D,
    CrossEntropy,
    Dense,
    EarlyStopping,
    ExplosionGuard,
    FileFormatError,
    Flatten,
    LayerNorm,
    MultiHeadAttention,
    Network,
    Residual,
    Softmax,
    TweenConfig,
    TweenTrainer,
)
from loom_py.shapes import AnyArray
from tests.ops import machines
from tests.unit.tween.parts import X, Y, small, tween


@pytest.fixture(scope="module")
def digits() -> tuple[AnyArray, AnyArray]:
    data = pytest.importorskip("sklearn.datasets").load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return (data.data[order] / 16).astype(np.float32), data.target[order]


def dense() -> Network:
    return Network.of(64, [Dense(64, 32, "tanh"), Dense(32, 10), Softmax()], seed=1)


def convolution() -> Network:
    layers = [Conv2D(1, 6, 3, activation="relu"), BatchNorm(6), Flatten(), Dense(216, 10), Softmax()]
    return Network.of((1, 8, 8), layers, seed=1)


def recurrent() -> Network:
    return Network.of((8, 8), [LSTM(8, 24, return_sequences=False), Dense(24, 10), Softmax()], seed=1)


def attention() -> Network:
    block = Residual([LayerNorm(8), MultiHeadAttention(8, 2)])
    return Network.of((8, 8), [block, Flatten(), Dense(64, 10), Softmax()], seed=1)


@pytest.mark.cpython
@pytest.mark.parametrize(
    ("make", "rate", "least"),
    [(dense, 2.0, 0.95), (convolution, 0.5, 0.95), (recurrent, 10.0, 0.93), (attention, 1.0, 0.93)],
)
def test_it_learns_digits(
    digits: tuple[AnyArray, AnyArray], make: Callable[[], Network], rate: float, least: float
) -> None:
    net, (x, y) = make(), digits
    x = x.reshape(-1, *net.input_shape)
    trainer = tween(net, learning_rate=rate)
    result = trainer.fit(x[:1400], y[:1400], epochs=10, validation=(x[1400:], y[1400:]))
    assert result.stopped_because == "finished"
    assert not any(step.exploding for step in trainer.get_history())
    assert result.validation_accuracy_history[-1] > least  # type: ignore[operator]
    assert net.evaluate(x[1400:], y[1400:]).accuracy == result.validation_accuracy_history[-1]
    assert result.loss_history[-1] < 0.5 * result.loss_history[0]


def test_target_mode_learns_what_is_easy() -> None:
    result = tween(small(), mode="target").fit(X, Y, epochs=30, batch_size=16)
    assert result.accuracy_history[-1] > 0.9  # type: ignore[operator]


def test_regression() -> None:
    target = np.tanh(X @ np.array([[1.0], [0.5], [-0.5], [0.2]]))
    net = Network.of(4, [Dense(4, 8, "tanh"), Dense(8, 1)], seed=0)
    trainer = TweenTrainer(net, TweenConfig(learning_rate=0.5), loss="mse")
    result = trainer.fit(X, target, epochs=60, batch_size=10)
    assert result.final_loss < 0.01 < result.loss_history[0]
    assert result.accuracy_history == [None] * 60
    assert trainer.get_history()[-1].accuracy is None


def test_a_seed_repeats_a_run_to_the_bit() -> None:
    nets = [small(3), small(3)]
    losses = [tween(net).fit(X, Y, epochs=3, batch_size=7).loss_history for net in nets]
    assert losses[0] == losses[1]
    first, second = (net.parameters() for net in nets)
    assert all((value == second[name]).all() for name, value in first.items())


def test_shares_of_classes_are_labels() -> None:
    nets = [small(), small()]
    steps = [tween(net).step(X, y) for net, y in zip(nets, (Y, np.eye(2)[Y]), strict=True)]
    assert steps[0].views == steps[1].views
    assert steps[0].accuracy == steps[1].accuracy == pytest.approx((nets[0].forward(X).argmax(-1) == Y).mean(), abs=0.3)
    assert all((v == nets[1].parameters()[n]).all() for n, v in nets[0].parameters().items())


def test_what_is_ignored_pulls_at_nothing() -> None:
    labels = np.where(np.arange(90) < 60, Y, -1)
    nets = [small(), small()]
    loss = CrossEntropy(ignore_label=-1)
    ignoring = TweenTrainer(nets[0], TweenConfig(learning_rate=1.0), loss=loss).step(X, labels)
    shorter = TweenTrainer(nets[1], TweenConfig(learning_rate=1.0), loss=loss).step(X[:60], Y[:60])
    assert ignoring.loss == pytest.approx(shorter.loss, rel=1e-6)
    assert ignoring.accuracy == shorter.accuracy
    for name, value in nets[0].parameters().items():
        np.testing.assert_allclose(value, nets[1].parameters()[name], rtol=1e-5, atol=1e-6)


def test_padding_is_seen_by_none() -> None:
    net = Network.of((5, 4), [MultiHeadAttention(4, 2), Flatten(), Dense(20, 2)], seed=0)
    x = np.random.default_rng(1).normal(size=(6, 5, 4)).astype(np.float32)
    mask = np.ones((6, 5))
    mask[:, 3:] = 0
    again = Network.from_config(net.to_config())
    masked = tween(net).step(x, Y[:6], mask=mask)
    assert masked.loss != tween(again).step(x, Y[:6]).loss
    result = tween(net).fit(x, Y[:6], mask=mask, epochs=2, batch_size=4)
    assert result.steps == 4


def test_early_stopping_and_cancelling() -> None:
    net, noise = small(), np.random.default_rng(1).integers(0, 2, 90)
    stopping = EarlyStopping(patience=2)
    result = tween(net).fit(X[30:], noise[30:], epochs=300, validation=(X[:30], noise[:30]), early_stopping=stopping)
    assert result.stopped_because == "early_stopping"
    assert net.evaluate(X[:30], noise[:30]).loss == pytest.approx(result.best_loss, rel=1e-5)
    run = tween(net).run(X, Y, epochs=50, batch_size=30)
    for event in run.run():
        if event.type == "batch_end" and run.result.steps == 4:
            run.cancel()
    assert (run.result.stopped_because, run.result.steps) == ("cancelled", 4)


def test_tweening_and_backpropagation_take_turns() -> None:
    net = small()
    trainer = tween(net)
    for _ in range(3):
        trainer.fit(X, Y, epochs=1)
        net.fit(X, Y)
    assert net.engine.steps == 3 * 2 * 3
    assert len(trainer.get_history()) == 9


def test_a_changed_network_is_followed() -> None:
    net = small()
    trainer = tween(net)
    trainer.step(X, Y)
    net.set_layer(0, 0, 0, Dense(4, 8, "relu"))
    assert trainer.step(X, Y).updated
    assert net.get_blueprint().layers[0].activation == "relu"


@pytest.mark.parametrize("mode", ["chain", "target"])
def test_the_wasm_executor_steps_alike_and_takes_over_in_mid_run(mode: str) -> None:
    nets = [small(), small()]
    trainers = [tween(net, mode=mode) for net in nets]
    for number in range(6):
        if number == 3:
            nets[1].engine.move_to(machines.wasm()[1])
        plain, fast = (trainer.step(X, Y) for trainer in trainers)
        assert fast.loss == pytest.approx(plain.loss, rel=1e-5)
        for one, other in zip(plain.views, fast.views, strict=True):
            assert (other.link_budget, other.gap) == pytest.approx((one.link_budget, one.gap), rel=1e-3, abs=1e-7)
    for name, value in nets[0].parameters().items():
        np.testing.assert_allclose(nets[1].parameters()[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("stop", [4, 17])
def test_a_checkpoint_resumes_to_the_bit(stop: int, tmp_path: Path) -> None:
    """Momentum, the shuffling and the guard go on as if nothing had happened, a cut rate included."""

    def began(net: Network) -> Any:
        return tween(net, learning_rate=40.0).run(X, Y, epochs=4, batch_size=15)

    def unstable() -> Network:
        return Network.of(4, [Dense(4, 8, "relu"), Dense(8, 2)], seed=0)

    whole_net, path = unstable(), tmp_path / "run.safetensors"
    whole = began(whole_net)
    for event in whole.run():
        if event.type == "batch_end" and whole.result.steps == stop:
            whole_net.save_checkpoint(path, whole)
    net = unstable()
    rest = began(net)
    net.load_checkpoint(path, rest)
    for _ in rest.run():
        pass
    assert rest.result.loss_history == whole.result.loss_history
    assert rest._stepper.guard.state() == whole._stepper.guard.state()
    assert rest._stepper.guard.factor < 1
    assert all((v == net.parameters()[n]).all() for n, v in whole_net.parameters().items())


def test_a_damaged_guard_is_refused() -> None:
    for state in (None, {}, {**ExplosionGuard().state(), "factor": "1"}):
        with pytest.raises(FileFormatError, match="explosion guard"):
            ExplosionGuard().restore(state)
