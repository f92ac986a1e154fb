"""Repeated runs, ends of runs, and random draws of passes by hand."""

import numpy as np
import pytest

import loom_py as loom
from loom_py.train.data import array_batches

RNG = np.random.default_rng(11)
X = RNG.normal(size=(24, 4))
Y = (X[:, 0] > 0).astype(int)


def _net() -> loom.Network:
    return loom.Network.of(4, [loom.Dense(4, 8, "relu"), loom.Dense(8, 2)], seed=0)


class _Losses(loom.Observer):
    def __init__(self) -> None:
        self.losses: list[float | None] = []

    def on_training_event(self, event: loom.TrainingEvent) -> None:
        if event.type == "batch_end":
            self.losses.append(event.loss)


@pytest.mark.parametrize("seed", [None, 3])
def test_fit_epoch_by_epoch_sees_the_orders_of_one_fit(seed: int | None) -> None:
    seen = []
    for runs, epochs in ((3, 1), (1, 3)):
        net, observer = _net(), _Losses()
        net.set_observer(observer)
        for _ in range(runs):
            net.fit(X, Y, loom.TrainingConfig(epochs=epochs, learning_rate=0.0, batch_size=3, seed=seed))
        seen.append(observer.losses)
    assert seen[0] == seen[1]
    assert len({tuple(seen[0][at : at + 8]) for at in (0, 8, 16)}) == 3


def _trainer(net: loom.Network) -> loom.Trainer:
    config = loom.TrainingConfig(epochs=4, batch_size=3)
    return loom.Trainer(net, config, array_batches(net, config, X, Y))


def test_a_resumed_second_fit_equals_an_uninterrupted_one(tmp_path: object) -> None:
    path = f"{tmp_path}/run.safetensors"
    whole = _net()
    whole.fit(X, Y, loom.TrainingConfig(epochs=2, batch_size=3))
    run = _trainer(whole)
    for event in run.run():
        if event.type == "batch_end" and (event.epoch, event.batch) == (1, 2):
            whole.save_checkpoint(path, run)
    resumed = loom.Network.load_model(path)
    again = _trainer(resumed)
    resumed.load_checkpoint(path, again)
    for _ in again.run():
        pass
    for net in (whole, resumed):
        net.fit(X, Y, loom.TrainingConfig(batch_size=3))
    for name, value in whole.parameters().items():
        assert np.array_equal(value, resumed.parameters()[name]), name


def _run_to(net: loom.Network, end: str) -> dict[int, dict[str, np.ndarray]]:
    """Weights after each epoch of a run that ends in the middle of epoch 3."""
    config = loom.TrainingConfig(
        epochs=9, batch_size=8, early_stopping=loom.EarlyStopping(patience=9), validation=(X, Y)
    )
    run = loom.Trainer(net, config, array_batches(net, config, X, Y))
    after = {}
    for event in run.run():
        if event.type == "epoch_end":
            after[event.epoch] = net.parameters()
        if event.type == "batch_end" and event.epoch == 3:
            if end == "cancel":
                run.cancel()
            else:
                net.dispatcher.event = _interrupt  # type: ignore[method-assign]
    return after


def _interrupt(event: loom.TrainingEvent) -> None:
    raise KeyboardInterrupt


def test_a_cancelled_run_keeps_the_best_epoch() -> None:
    net = _net()
    after = _run_to(net, "cancel")
    for name, value in net.parameters().items():
        assert np.array_equal(value, after[2][name]), name


def test_an_interrupted_run_keeps_the_best_epoch() -> None:
    net, same = _net(), _net()
    best = _run_to(same, "cancel")[2]
    with pytest.raises(KeyboardInterrupt):
        _run_to(net, "interrupt")
    for name, value in net.parameters().items():
        assert np.array_equal(value, best[name]), name


def test_best_loss_is_the_smallest_whatever_min_delta() -> None:
    stopping = loom.EarlyStopping(patience=20, min_delta=0.5)
    config = loom.TrainingConfig(epochs=5, learning_rate=0.05, validation=(X, Y), early_stopping=stopping)
    net = _net()
    result = net.fit(X, Y, config)
    assert result.best_loss == min(result.validation_history) < result.validation_history[0]
    assert net.evaluate(X, Y).loss == result.best_loss


def test_each_training_pass_by_hand_draws_its_own_dropout() -> None:
    def outputs(net: loom.Network) -> list[bytes]:
        return [net.forward_cpu(np.ones(32), training=True).output.tobytes() for _ in range(5)]

    first, second = (loom.Network.of(32, [loom.Dropout(0.5)], seed=0) for _ in range(2))
    assert len(set(outputs(first))) == 5
    first = loom.Network.of(32, [loom.Dropout(0.5)], seed=0)
    assert outputs(first) == outputs(second)


def test_backward_has_the_mask_of_its_forward() -> None:
    net = loom.Network.of(32, [loom.Dropout(0.5)], seed=0)
    for _ in range(3):
        output = net.forward_cpu(np.ones(32), training=True).output
        gradient = net.backward_cpu(np.ones(32)).input_gradient
        assert gradient is not None and np.array_equal(gradient, output)
