"""What observers hear of tweening: layers, views, events, explosions; and what can be looked at afterwards."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest

from loom_py import (
    Dense,
    Network,
    Observer,
    TweenConfig,
    TweenStep,
    TweenTrainer,
)
from tests.unit.tween.parts import Notes, X, Y, small, tween


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
