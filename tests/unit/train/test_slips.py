"""Common slips are taken where their meaning is clear, else refused in the package's own words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import loom_py as loom

X, Y = np.zeros((8, 2)), np.arange(8) % 2


def _net() -> loom.Network:
    return loom.Network.of(2, [loom.Dense(2, 2)], seed=0)


def test_options_may_be_a_dict_or_keywords() -> None:
    batches = [loom.Batch(X, Y)]
    takes: Any = {"epochs": 2}
    results = [
        _net().fit(X, Y, takes),
        _net().fit(X, Y, epochs=2),
        _net().fit(X, Y, loom.TrainingConfig(epochs=2)),
        _net().train(batches, takes),
        _net().train(batches, epochs=2),
    ]
    assert {tuple(result.loss_history) for result in results} == {tuple(results[0].loss_history)}
    assert results[0].epochs_run == 2


def test_check_takes_options_like_fit() -> None:
    takes: Any = {"learning_rate": 0.0}
    found = [loom.check(_net(), X, Y, takes), loom.check(_net(), X, Y, learning_rate=0.0)]
    assert [["learning_rate" in {finding.rule for finding in each}] for each in found] == [[True], [True]]


SLIPS: dict[str, tuple[Callable[[], Any], str]] = {
    "train(x, y)": (lambda: _net().train(X, Y), r"config: .*got ndarray; train arrays by fit\(x, y\)"),  # type: ignore[arg-type]
    "check(x, y) of a number": (lambda: loom.check(_net(), X, Y, 5), "config: .*got int"),  # type: ignore[arg-type]
    "both": (lambda: _net().fit(X, Y, loom.TrainingConfig(), epochs=2), "options: .*got both; put epochs"),
    "unknown": (lambda: _net().fit(X, Y, epoch=2), "options: expected epochs.*got epoch"),
    "negative seed": (lambda: loom.TrainingConfig(seed=-1), "TrainingConfig.seed: .*at least 0"),
    "ragged input": (lambda: _net().forward([[1, 2], [3]]), "rows of one length"),
    "ragged data": (lambda: _net().fit([[1, 2], [3]], [0, 1]), "rows of one length"),
    "ragged target": (lambda: _net().fit(X[:2], [[1, 2], [3]]), "target: .*rows of one length"),
    "no samples": (lambda: _net().fit(X[:0], Y[:0]), "at least one sample"),
    "arrays as a file": (lambda: _net().load_torch_weights({"0.weight": X}), "source: .*got dict"),  # type: ignore[arg-type]
    "factor": (lambda: loom.Exponential(1.1).factor(10_000), "got 1.1 to the power of 10000"),
    "schedule": (
        lambda: _net().fit(X, Y, schedule=loom.WarmUp(0, loom.Exponential(1e30)), epochs=3),
        r"learning rate at step \d",
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_refused_in_words(name: str) -> None:
    call, text = SLIPS[name]
    with pytest.raises(loom.LoomError, match=text):
        call()


def test_numbers_of_numpy_are_numbers() -> None:
    assert loom.Dense(np.int64(4), np.int32(2)) == loom.Dense(4, 2)  # type: ignore[arg-type]
    assert type(loom.Dense(np.int64(4), 2).inputs) is int  # type: ignore[arg-type]
    assert type(loom.Dropout(np.float32(0.5)).rate) is float  # type: ignore[arg-type]
    net = loom.Network.of([np.int64(4)], [loom.Dense(4, 2)], seed=np.int64(3))  # type: ignore[list-item,arg-type]
    assert (net.input_shape, net.seed) == ((4,), 3) and type(net.to_config()["seed"]) is int
    assert loom.Network.of(np.int64(4), [loom.Dense(4, 2)]).input_shape == (4,)  # type: ignore[arg-type]
    grid = loom.Network(4, np.int64(1), np.int64(2), np.int64(1))  # type: ignore[arg-type]
    grid.set_layer(np.int64(0), np.int64(1), np.int64(0), loom.Dense(4, 2))  # type: ignore[arg-type]
    assert grid.to_config()["grid"] == {"rows": 1, "cols": 2, "layers_per_cell": 1}
    config = loom.TrainingConfig(shuffle=np.True_, seed=np.int64(2), learning_rate=np.float32(0.5))  # type: ignore[arg-type]
    assert (config.shuffle, config.seed, config.learning_rate) == (True, 2, 0.5)
    assert loom.Observer(every=np.int64(3)).every == 3  # type: ignore[arg-type]
