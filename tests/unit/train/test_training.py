"""Training runs: they learn, repeat, stop for the right reason, and refuse what can't be."""

import math

import numpy as np
import pytest

from loom_py import (
    Batch,
    ConfigError,
    DataError,
    Dense,
    EarlyStopping,
    Network,
    Observer,
    ShapeError,
    TrainingConfig,
    TrainingEvent,
)
from loom_py.schedules import Linear

RNG = np.random.default_rng(11)
X = RNG.normal(size=(90, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)


class Events(Observer):
    """Keeps the training events."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[TrainingEvent] = []

    def on_training_event(self, event: TrainingEvent) -> None:
        self.seen.append(event)

    def of(self, kind: str) -> list[TrainingEvent]:
        return [e for e in self.seen if e.type == kind]


def small(seed: int = 0) -> Network:
    return Network.of(4, [Dense(4, 8, "tanh"), Dense(8, 2)], seed=seed)


def test_it_learns() -> None:
    net = small()
    result = net.fit(X, Y, TrainingConfig(epochs=40, learning_rate=0.5, batch_size=16, validation=(X, Y)))
    assert result.loss_history[-1] < 0.1 < result.loss_history[0]
    assert net.evaluate(X, Y).accuracy == result.validation_accuracy_history[-1] > 0.97  # type: ignore[operator]
    assert (result.epochs_run, result.steps, result.stopped_because) == (40, 240, "finished")
    assert result.final_loss == result.loss_history[-1]
    assert result.best_loss == min(result.validation_history)
    assert result.samples_per_second > 0 and result.total_time_s > 0


def test_a_seed_repeats_a_run_to_the_bit() -> None:
    config = TrainingConfig(epochs=3, learning_rate=0.1, batch_size=7, optimizer="adam")
    runs = [[*(net := small(5)).fit(X, Y, config).loss_history, net.parameters()["0.weight"].sum()] for _ in range(2)]
    assert runs[0] == runs[1]
    other = small(5).fit(X, Y, TrainingConfig(epochs=3, learning_rate=0.1, batch_size=7, optimizer="adam", seed=1))
    assert other.loss_history != runs[0][:3]


def test_events_come_in_order_with_their_figures() -> None:
    net, events = small(), Events()
    net.set_observer(events)
    net.fit(X, Y, TrainingConfig(epochs=2, batch_size=45, learning_rate=0.25, validation=(X, Y)))
    epoch = ["epoch_start", *["batch_start", "batch_end"] * 2, "validation", "epoch_end"]
    assert [e.type for e in events.seen] == ["train_start", *epoch, *epoch, "train_end"]
    ends = events.of("batch_end")
    assert [(e.epoch, e.batch, e.step) for e in ends] == [(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 1, 4)]
    for e in ends:
        assert e.learning_rate == 0.25 and e.loss is not None and math.isfinite(e.loss)
        assert e.gradient_norm is not None and e.gradient_norm > 0
        assert e.accuracy is not None and 0 <= e.accuracy <= 1
        assert e.samples_per_second is not None and e.samples_per_second > 0
    assert ends[-1].eta_s == pytest.approx(0, abs=1e-9)
    assert events.of("epoch_end")[0].loss == pytest.approx(np.mean([e.loss for e in ends[:2]]))


def test_loss_on_probabilities_and_logits_agree() -> None:
    from loom_py import Softmax

    logits = small()
    probabilities = Network.of(4, [Dense(4, 8, "tanh"), Dense(8, 2), Softmax()], seed=0)
    config = TrainingConfig(epochs=4, learning_rate=0.2, shuffle=False)
    a, b = (net.fit(X, Y, config).loss_history for net in (logits, probabilities))
    np.testing.assert_allclose(a, b, rtol=1e-4)
    one_hot = np.eye(2)[Y]
    np.testing.assert_allclose(small().fit(X, one_hot, config).loss_history, a, rtol=1e-6)


def test_regression() -> None:
    target = X @ np.array([[1.0], [2.0], [-1.0], [0.5]])
    net = Network.of(4, [Dense(4, 1)], seed=0)
    result = net.fit(X, target, TrainingConfig(epochs=60, learning_rate=0.2, loss="mse"))
    assert result.final_loss < 1e-6
    assert result.accuracy_history == [None] * 60


def test_clipping_bounds_the_update() -> None:
    net = small()
    before = net.parameters()
    net.fit(X, Y, TrainingConfig(learning_rate=1.0, batch_size=90, gradient_clip=0.01))
    moved = math.sqrt(sum(((v - before[n]) ** 2).sum() for n, v in net.parameters().items()))
    assert moved == pytest.approx(0.01, rel=1e-3)


def test_schedule_drives_the_rate() -> None:
    net, events = small(), Events()
    net.set_observer(events)
    net.fit(X, Y, TrainingConfig(epochs=2, batch_size=45, learning_rate=0.4, schedule=Linear(4)))
    assert [e.learning_rate for e in events.of("batch_end")] == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_early_stopping_restores_the_best() -> None:
    net = small()
    noise = RNG.integers(0, 2, 90)
    config = TrainingConfig(
        epochs=400, learning_rate=1.0, batch_size=10, validation=(X[:30], noise[:30]),
        early_stopping=EarlyStopping(patience=3),
    )  # fmt: skip
    result = net.fit(X[30:], noise[30:], config)
    assert result.stopped_because == "early_stopping" and result.epochs_run < 400
    assert net.evaluate(X[:30], noise[:30]).loss == pytest.approx(result.best_loss, rel=1e-5)


def test_divergence_stops_with_an_anomaly_and_keeps_the_weights() -> None:
    net, events = small(), Events()
    net.set_observer(events)
    net.set_parameters({"1.weight": np.full((8, 2), 3e38), "1.bias": [-3e38, 3e38]})
    before = net.parameters()
    result = net.fit(X, Y, TrainingConfig(epochs=3, learning_rate=0.1))
    assert result.stopped_because == "anomaly" and result.steps == 0
    assert not math.isfinite(result.final_loss)
    told = events.of("anomaly")
    assert len(told) == 1 and told[0].path == "1" and "layer 1 (Dense) produced" in (told[0].text or "")
    assert told[0].loss is not None and not math.isfinite(told[0].loss)
    assert all((v == before[n]).all() for n, v in net.parameters().items())


def test_a_gradient_that_overflows_is_found_in_the_backward_pass() -> None:
    net, events = Network.of(4, [Dense(4, 4), Dense(4, 1)], seed=0), Events()
    net.set_observer(events)
    net.set_parameters({"0.weight": np.eye(4) * 1e-30, "1.weight": np.full((4, 1), 1e30)})
    result = net.fit(X[:8] * 1e-10, np.full((8, 1), 1e18), TrainingConfig(loss="mse"))
    assert result.stopped_because == "anomaly"
    assert events.of("anomaly")[0].path == "1"
    assert "backward pass" in (events.of("anomaly")[0].text or "")


def test_a_run_can_be_driven_and_cancelled() -> None:
    net = small()
    trainer = net.trainer([Batch(X[:30], Y[:30]), Batch(X[30:], Y[30:])], TrainingConfig(epochs=50))
    for event in trainer.run():
        if event.type == "batch_end" and event.step == 5:
            trainer.cancel()
    assert trainer.result.stopped_because == "cancelled"
    assert (trainer.result.steps, trainer.result.epochs_run) == (5, 2)


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (X, Y[:-1], ShapeError, "90 targets"),
        (X[:, :3], Y, ShapeError, "expected (B, 4)"),
        (X, Y + 1, DataError, "expected 0 to 1, got 1 to 2"),
        (X, np.full((90, 2), np.nan), DataError, "finite"),
        (X, Y + np.float32(0.5), DataError, "class labels: expected whole numbers, got fractions or NaN"),
        (X, np.full(90, np.nan), DataError, "expected whole numbers"),
        (np.where(X > 2, np.nan, X), Y, DataError, "NaN"),
        ([], [], DataError, "at least one sample"),
        (X[0], 1, ShapeError, "batch axis"),
    ],
)
def test_bad_data_is_refused_before_the_first_step(x: object, y: object, error: type[Exception], words: str) -> None:
    net = small()
    before = net.parameters()
    with pytest.raises(error) as told:
        net.fit(x, y)  # type: ignore[arg-type]
    assert words in str(told.value)
    assert all((v == before[n]).all() for n, v in net.parameters().items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, bool])
def test_labels_are_whole_numbers_of_any_type(dtype: type) -> None:
    history = [small().fit(X, labels).loss_history for labels in (Y, Y.astype(dtype))]
    assert history[0] == history[1]


def test_batches_are_checked_by_name_before_the_first() -> None:
    net = small()
    with pytest.raises(ShapeError, match=r"batches\[1\]"):
        net.train([Batch(X, Y), Batch(X[:, :2], Y)])
    with pytest.raises(DataError, match=r"batches\[0\]: expected a Batch"):
        net.train([(X, Y)])  # type: ignore[list-item]
    with pytest.raises(DataError, match="at least one Batch"):
        net.train([])
    assert net.engine.steps == 0


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"loss": "crossentropy"}, "cross_entropy"),
        ({"optimizer": "sdg"}, "sgd"),
        ({"epochs": -1}, "at least 0"),
        ({"batch_size": 0}, "at least 1"),
        ({"learning_rate": float("nan")}, "at least 0"),
        ({"gradient_clip": 0}, "at least"),
        ({"validation": 3}, "a list of 2"),
    ],
)
def test_options_are_checked(option: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TrainingConfig(**option)  # type: ignore[arg-type]
