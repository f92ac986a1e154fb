"""TweenTrainer: it learns, repeats, tells observers, stops where numbers end, and refuses what can't be."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loom_py import (
    LSTM,
    BatchNorm,
    ConfigError,
    Conv2D,
    CrossEntropy,
    DataError,
    Dense,
    EarlyStopping,
    Flatten,
    LayerNorm,
    LayerStats,
    MultiHeadAttention,
    Network,
    Observer,
    Residual,
    ShapeError,
    Softmax,
    TrainingEvent,
    TweenConfig,
    TweenStep,
    TweenTrainer,
)
from loom_py.shapes import AnyArray

RNG = np.random.default_rng(11)
X = RNG.normal(size=(90, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)


class Notes(Observer):
    """Keeps what it is told, and in which order."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.steps: list[TweenStep] = []
        self.events: list[TrainingEvent] = []
        self.stats: list[LayerStats] = []
        self.order: list[str] = []

    def on_tween_step(self, step: TweenStep) -> None:
        self.steps.append(step)
        self.order.append("step")

    def on_training_event(self, event: TrainingEvent) -> None:
        self.events.append(event)
        self.order.append(event.type)

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        self.stats.append(stats)
        self.order.append(f"{stats.phase} {stats.path}")

    on_layer_backward = on_layer_forward


def small(seed: int = 0) -> Network:
    return Network.of(4, [Dense(4, 8, "tanh"), Dense(8, 2), Softmax()], seed=seed)


def tween(net: Network, **options: Any) -> TweenTrainer:
    return TweenTrainer(net, TweenConfig(**{"learning_rate": 1.0, **options}))


# learning ----------------------------------------------------------------------------------------------------------


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
    x = RNG.normal(size=(6, 5, 4)).astype(np.float32)
    mask = np.ones((6, 5))
    mask[:, 3:] = 0
    again = Network.from_config(net.to_config())
    masked = tween(net).step(x, Y[:6], mask=mask)
    assert masked.loss != tween(again).step(x, Y[:6]).loss
    result = tween(net).fit(x, Y[:6], mask=mask, epochs=2, batch_size=4)
    assert result.steps == 4


def test_early_stopping_and_cancelling() -> None:
    net, noise = small(), RNG.integers(0, 2, 90)
    stopping = EarlyStopping(patience=2)
    result = tween(net).fit(X[30:], noise[30:], epochs=300, validation=(X[:30], noise[:30]), early_stopping=stopping)
    assert result.stopped_because == "early_stopping"
    assert net.evaluate(X[:30], noise[:30]).loss == pytest.approx(result.best_loss, rel=1e-5)
    run = tween(net).run(X, Y, epochs=50, batch_size=30)
    for event in run.run():
        if event.type == "batch_end" and run.result.steps == 4:
            run.cancel()
    assert (run.result.stopped_because, run.result.steps) == ("cancelled", 4)


# observers ---------------------------------------------------------------------------------------------------------


def test_observers_hear_layers_then_the_step_then_the_event() -> None:
    net, notes = small(), Notes()
    net.set_observer(notes)
    trainer = tween(net)
    trainer.fit(X, Y, epochs=1, batch_size=45)
    layers = [*(f"forward {i}" for i in "012"), *(f"backward {i}" for i in "210")]
    batch = ["batch_start", *layers, "step", "batch_end"]
    assert notes.order == ["train_start", "epoch_start", *batch, *batch, "epoch_end", "train_end"]
    assert notes.steps == trainer.get_history()
    assert [(s.step, s.epoch, s.batch) for s in notes.steps] == [(1, 0, 0), (2, 0, 1)]
    ends = [event for event in notes.events if event.type == "batch_end"]
    assert [e.loss for e in ends] == [s.loss for s in notes.steps]
    assert [e.accuracy for e in ends] == [s.accuracy for s in notes.steps]
    assert all(e.gradient_norm is None and e.learning_rate == 1.0 for e in ends)


def test_layer_statistics_are_those_of_the_step() -> None:
    net, notes = small(), Notes()
    net.set_observer(notes)
    before = net.parameters()
    output = net.forward(X)
    notes.stats.clear()
    tween(net).step(X, Y)
    after = net.parameters()
    last = notes.stats[2]
    assert (last.path, last.output_max) == ("2", pytest.approx(output.max(), rel=1e-6))
    signal = next(s for s in notes.stats if s.phase == "backward" and s.path == "2")
    assert signal.output_mean == pytest.approx((np.eye(2)[Y] - output).mean(), abs=1e-6)
    first = notes.stats[-1]
    names = [name for name in before if name.startswith("0.")]
    moved = math.sqrt(sum(((after[n] - before[n]) ** 2).sum() for n in names))
    assert first.update_ratio == pytest.approx(moved / math.sqrt(sum((before[n] ** 2).sum() for n in names)), rel=1e-3)


def test_watching_changes_no_number() -> None:
    nets = [small(), small()]
    nets[1].set_observer(Notes())
    for net in nets:
        tween(net).fit(X, Y, epochs=2, batch_size=20)
    assert all((v == nets[1].parameters()[n]).all() for n, v in nets[0].parameters().items())


def test_every_and_layers_choose_views() -> None:
    net, sampled, chosen = small(), Notes(every=3), Notes(layers=["1"])
    net.add_observer(sampled)
    net.add_observer(chosen)
    trainer = tween(net)
    for _ in range(6):
        trainer.step(X, Y)
    assert [step.step for step in sampled.steps] == [1, 4]
    assert len(sampled.stats) == 2 * 6
    assert [[view.path for view in step.views] for step in chosen.steps] == [["1"]] * 6
    assert chosen.steps[0].views[0] == trainer.get_history()[0].views[1]


def test_an_observer_that_raises_at_a_step_is_detached(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Observer):
        def on_tween_step(self, step: TweenStep) -> None:
            raise RuntimeError("no")

    net, notes = small(), Notes()
    net.add_observer(Broken())
    net.add_observer(notes)
    with caplog.at_level(logging.ERROR, "loom_py"):
        tween(net).fit(X, Y, epochs=2, batch_size=45)
    assert len(caplog.records) == 1
    assert len(notes.steps) == 4


def test_an_explosion_is_told_where_it_begins_and_cuts_the_rate() -> None:
    net, notes = Network.of(4, [Dense(4, 8), Dense(8, 1)], seed=0), Notes()
    net.set_observer(notes)
    trainer = TweenTrainer(net, TweenConfig(learning_rate=0.01), loss="mse")
    target = X[:, :1]
    for _ in range(10):
        trainer.step(X, target)
    net.set_parameters({name: value * 40 for name, value in net.parameters().items()})
    result = trainer.fit(X, target, epochs=12, batch_size=90)
    assert result.stopped_because == "finished"
    told = [event for event in notes.events if event.type == "anomaly"]
    in_a_row = [i for i, step in enumerate(trainer.get_history()[10:]) if step.exploding]
    assert in_a_row == list(range(12))
    assert [(e.epoch, e.path) for e in told] == [(0, "1"), (4, "1"), (9, "1")]
    assert "layer 1" in str(told[0].text)
    assert "cut to 70%" in str(told[0].text)
    assert trainer.get_history()[-1].rate_factor == pytest.approx(max(0.01, 0.7**4 * 0.5**5 * 0.3**3))


def test_without_detection_the_rate_stays_and_it_is_still_told() -> None:
    net, notes = Network.of(4, [Dense(4, 1)], seed=0), Notes()
    net.set_observer(notes)
    trainer = TweenTrainer(net, TweenConfig(learning_rate=0.01, explosion_detection=False), loss="mse")
    for _ in range(10):
        trainer.step(X, X[:, :1])
    net.set_parameters({"0.weight": np.full((4, 1), 50.0)})
    trainer.fit(X, X[:, :1], epochs=1, batch_size=90)
    last = trainer.get_history()[-1]
    assert (last.exploding, last.rate_factor) == (True, 1.0)
    told = [event.text for event in notes.events if event.type == "anomaly"]
    assert len(told) == 1
    assert "cut" not in str(told[0])


def test_history_and_guard_can_be_looked_at() -> None:
    trainer = tween(small())
    assert trainer.get_history() == []
    first = trainer.step(X, Y)
    assert trainer.get_history() == [first]
    assert trainer.guard.factor == first.rate_factor == 1.0
    assert {"step", "fit", "get_history"} <= {method.method_name for method in trainer.get_methods()}
    barrier = 1.0
    for view in first.views:
        barrier *= view.link_budget
        assert view.depth_barrier == pytest.approx(barrier)


def test_hidden_budgets_of_chain_mode_sit_near_1() -> None:
    trainer = tween(small())
    trainer.fit(X, Y, epochs=5)
    for step in trainer.get_history():
        assert all(view.link_budget > 0.95 for view in step.views[:-1])


# what can't be -----------------------------------------------------------------------------------------------------


def test_a_step_that_is_not_finite_changes_nothing_and_stops_the_run() -> None:
    net, notes = Network.of((2, 4), [Dense(4, 6, "tanh"), Dense(6, 3), Flatten(), Dense(6, 2)], seed=0), Notes()
    net.set_observer(notes)
    trainer = tween(net)
    x = RNG.normal(size=(30, 2, 4)).astype(np.float32)
    trainer.step(x, Y[:30])  # so that there is momentum to coast on
    net.set_parameters({"1.weight": np.full((6, 3), 3e38)})
    before = net.parameters()
    step = trainer.step(x, Y[:30])
    assert not step.updated
    assert step.exploding
    assert not math.isfinite(step.views[1].gap)
    assert math.isfinite(step.views[0].gap)
    result = trainer.fit(x, Y[:30], epochs=3)
    assert (result.stopped_because, result.steps) == ("anomaly", 0)
    told = [event for event in notes.events if event.type == "anomaly"]
    assert [event.path for event in told] == ["1"]
    assert "layer 1 (Dense) gave" in str(told[0].text)
    assert all((v == before[n]).all() for n, v in net.parameters().items())
    refused = next(s for s in notes.stats if s.step == 1 and s.phase == "backward" and s.path == "0")
    assert refused.update_ratio == 0


def test_a_refused_step_leaves_running_statistics_and_states() -> None:
    net = Network.of((3, 4), [LSTM(4, 5, carry=8), Dense(5, 5), Flatten(), BatchNorm(15), Dense(15, 2)], seed=0)
    trainer = tween(net)
    x = RNG.normal(size=(8, 3, 4)).astype(np.float32)
    trainer.step(x, Y[:8])
    kept = {n: v for n, v in net.parameters().items() if "running" in n or "state" in n or "cell" in n}
    assert any(np.any(value) for name, value in kept.items() if "state" in name)
    net.set_parameters({"1.weight": np.full((5, 5), 3e38), "4.weight": np.full((15, 2), 3e38)})
    assert not trainer.step(x, Y[:8]).updated
    for name, value in kept.items():
        np.testing.assert_array_equal(net.parameters()[name], value, err_msg=name)


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (X, Y[:-1], ShapeError, "90 targets"),
        (X[:, :3], Y, ShapeError, "expected (B, 4)"),
        (X, Y + 1, DataError, "expected 0 to 1, got 1 to 2"),
        (X, np.full((90, 2), np.nan), DataError, "finite"),
        (np.where(X > 2, np.nan, X), Y, DataError, "NaN"),
        ([], [], DataError, "at least one sample"),
        (X[0], 1, ShapeError, "batch axis"),
        (X, ["a"] * 90, DataError, "numbers"),
    ],
)
def test_bad_data_is_refused_before_anything_happens(x: Any, y: Any, error: type[Exception], words: str) -> None:
    net, notes = small(), Notes()
    net.set_observer(notes)
    trainer, before = tween(net), net.parameters()
    for call in (trainer.step, trainer.fit):
        with pytest.raises(error) as told:
            call(x, y)
        assert words in str(told.value)
    assert notes.order == []
    assert net.engine.steps == 0
    assert all((v == before[n]).all() for n, v in net.parameters().items())


def test_bad_options_are_refused() -> None:
    net = small()
    with pytest.raises(ConfigError, match="net: expected a Network, got dict"):
        TweenTrainer({})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="config: expected a TweenConfig"):
        TweenTrainer(net, {"learning_rate": 1})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="loss: expected cross_entropy"):
        TweenTrainer(net, loss="hinge")  # type: ignore[arg-type]
    trainer = tween(net)
    for options, words in (({"epochs": -1}, "epochs"), ({"batch_size": 0}, "batch_size"), ({"mask": X[:5]}, "mask")):
        with pytest.raises((ConfigError, ShapeError), match=words):
            trainer.fit(X, Y, **options)  # type: ignore[arg-type]


# beside other training -----------------------------------------------------------------------------------------------


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
