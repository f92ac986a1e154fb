"""Tweening changes nothing where numbers end, and refuses what can't be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from loom_py import (
    LSTM,
    BatchNorm,
    ConfigError,
    DataError,
    Dense,
    Flatten,
    Network,
    ShapeError,
    TweenTrainer,
)
from tests.unit.tween.parts import Notes, X, Y, small, tween


def test_a_step_that_is_not_finite_changes_nothing_and_stops_the_run() -> None:
    net, notes = Network.of((2, 4), [Dense(4, 6, "tanh"), Dense(6, 3), Flatten(), Dense(6, 2)], seed=0), Notes()
    net.set_observer(notes)
    trainer = tween(net)
    x = np.random.default_rng(1).normal(size=(30, 2, 4)).astype(np.float32)
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
    assert "layer 1 (Dense) produced" in str(told[0].text)
    assert all((v == before[n]).all() for n, v in net.parameters().items())
    refused = next(s for s in notes.stats if s.step == 1 and s.phase == "backward" and s.path == "0")
    assert refused.update_ratio == 0


def test_a_refused_step_leaves_running_statistics_and_states() -> None:
    net = Network.of((3, 4), [LSTM(4, 5, carry=8), Dense(5, 5), Flatten(), BatchNorm(15), Dense(15, 2)], seed=0)
    trainer = tween(net)
    x = np.random.default_rng(1).normal(size=(8, 3, 4)).astype(np.float32)
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
