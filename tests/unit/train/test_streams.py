"""Batches drawn as they are needed, and Ctrl-C between any two lines of a step."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np
import pytest

import loom_py as nn
from loom_py.interrupts import deferrable, held

RNG = np.random.default_rng(2)
X = RNG.standard_normal((6, 4, 3)).astype(np.float32)
Y = RNG.integers(0, 2, (6, 4))
BATCHES = [nn.Batch(x, y) for x, y in zip(X, Y, strict=True)]


def network() -> nn.Network:
    return nn.Network.of(3, [nn.Dense(3, 4, "tanh"), nn.BatchNorm(4), nn.Dropout(0.3), nn.Dense(4, 2)], seed=1)


class Steps(nn.Observer):
    """Notes the ends of steps, and stops the run after some."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    def on_training_event(self, event: nn.TrainingEvent) -> None:
        if event.type == "batch_end":
            self.notes.append("step")


def stream(notes: list[str], batches: Any = BATCHES) -> Iterator[nn.Batch]:
    for batch in batches:
        notes.append("draw")
        yield batch


def endless() -> Iterator[nn.Batch]:
    while True:
        yield from BATCHES


def same(a: nn.Network, b: nn.Network) -> None:
    for name, value in a.parameters().items():
        np.testing.assert_array_equal(value, b.parameters()[name], err_msg=name)


def test_batches_are_drawn_when_they_are_needed() -> None:
    notes: list[str] = []
    net, other = network(), network()
    net.add_observer(Steps(notes))
    told = net.train(stream(notes))
    assert notes == ["draw", "step"] * 6
    assert told.loss_history == other.train(BATCHES).loss_history
    same(net, other)


def test_a_generator_trains_for_several_epochs_as_its_list_does() -> None:
    notes: list[str] = []
    net, other = network(), network()
    told, wanted = net.train(stream(notes), epochs=3), other.train(BATCHES, epochs=3)
    assert len(notes) == 6, "kept, since a generator can't be drawn from again"
    assert told.loss_history == wanted.loss_history
    same(net, other)


def test_an_iterable_is_drawn_from_again_in_every_epoch() -> None:
    class Source:
        def __init__(self) -> None:
            self.notes: list[str] = []

        def __iter__(self) -> Iterator[nn.Batch]:
            return stream(self.notes)

    net, other, source = network(), network(), Source()
    assert net.train(source, epochs=2).loss_history == other.train(BATCHES, epochs=2).loss_history
    assert len(source.notes) == 12


def test_an_endless_stream_has_epochs_of_a_given_length_and_goes_on_in_the_next() -> None:
    net, other = network(), network()
    told = net.train(endless(), epochs=3, steps_per_epoch=4)
    assert (told.epochs_run, told.steps) == (3, 12)
    other.train(BATCHES * 2)
    same(net, other)


def test_a_stream_that_ends_early_ends_the_run() -> None:
    told = network().train(stream([]), epochs=5, steps_per_epoch=4)
    assert (told.epochs_run, told.steps, told.stopped_because) == (2, 6, "finished")


def test_an_endless_stream_can_be_cancelled() -> None:
    run = network().trainer(endless())
    for event in run.run():
        if event.step == 20 and event.type == "batch_end":
            run.cancel()
    assert (run.result.steps, run.result.stopped_because) == (20, "cancelled")


@pytest.mark.parametrize("empty", [[], (), iter(()), {}.values()])
def test_no_batches(empty: Any) -> None:
    with pytest.raises(nn.DataError, match="at least one Batch"):
        network().train(empty)


def test_a_bad_batch_of_a_stream_is_named_and_those_before_it_are_kept() -> None:
    net, other = network(), network()
    bad = nn.Batch(np.zeros((4, 5)), Y[0])
    with pytest.raises(nn.ShapeError, match=r"batches\[2\]"):
        net.train(stream([], [*BATCHES[:2], bad]))
    other.train(BATCHES[:2])
    same(net, other)
    with pytest.raises(nn.DataError, match=r"batches\[0\]: expected a Batch"):
        net.train(X for _ in range(3))  # type: ignore[misc]


def test_steps_per_epoch_limits_the_batches_of_arrays_and_lists_too() -> None:
    x, y = X.reshape(-1, 3), Y.reshape(-1)
    assert network().fit(x, y, batch_size=4, steps_per_epoch=2, epochs=3).steps == 6
    assert network().train(BATCHES, steps_per_epoch=20, epochs=2).steps == 12


def test_a_resumed_run_over_an_iterable_equals_one_that_never_stopped(tmp_path: Any) -> None:
    class Source:
        def __iter__(self) -> Iterator[nn.Batch]:
            return iter(BATCHES)

    whole, part, rest = network(), network(), network()
    whole.train(Source(), epochs=2)
    run = part.trainer(Source(), epochs=2)
    for event in run.run():
        if event.type == "batch_end" and event.step == 8:
            break
    part.save_checkpoint(tmp_path / "saved", run)
    resumed = rest.trainer(Source(), epochs=2)
    rest.load_checkpoint(tmp_path / "saved", resumed)
    for _ in resumed.run():
        pass
    same(rest, whole)


# Ctrl-C ---------------------------------------------------------------------------------------------------------------


class Interrupt:
    """Sends SIGINT at the n-th line that the package runs in a call; counts the lines."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.lines = at, 0

    def __call__(self, frame: FrameType, kind: str, _: Any) -> Any:
        if "loom_py" not in frame.f_code.co_filename or "/tests/" in frame.f_code.co_filename:
            return None
        if kind == "line":
            self.lines += 1
            if self.lines == self.at:
                signal.raise_signal(signal.SIGINT)
        return self


def interrupted(call: Any, at: int | None) -> int:
    """Run a call with an interrupt at a line; returns the lines that ran."""
    tracer, before = Interrupt(at), sys.gettrace()
    try:
        sys.settrace(tracer)
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return tracer.lines


@pytest.mark.cpython
def test_ctrl_c_leaves_a_whole_step_at_whatever_line_it_comes() -> None:
    config = nn.TrainingConfig(optimizer="adam", learning_rate=0.05)
    states = []  # after every number of whole steps
    for count in range(7):
        net = network()
        if count:
            net.train(BATCHES[:count], config)
        states.append(net.parameters())
    lines = interrupted(lambda: network().train(BATCHES, config), None)
    seen = set()
    for at in range(40, lines, max(1, lines // 60)):
        net = network()
        run = net.trainer(BATCHES, config)
        interrupted(lambda run=run: list(run.run()), at)
        steps = net.engine.steps
        seen.add(steps)
        assert run.result.steps == steps == net.engine.updates, at
        for name, value in net.parameters().items():
            np.testing.assert_array_equal(value, states[steps][name], err_msg=f"{name} at line {at}")
        for _ in run.run():  # the optimizer's state is whole, too
            pass
        for name, value in net.parameters().items():
            np.testing.assert_array_equal(value, states[6][name], err_msg=f"{name} after line {at}")
    assert len(seen) > 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.cpython
def test_interrupts_wait_only_where_they_would_split_a_step() -> None:
    order = []
    with pytest.raises(KeyboardInterrupt), deferrable():
        with held:
            signal.raise_signal(signal.SIGINT)
            order.append("end of the step")
        order.append("never")
    with pytest.raises(KeyboardInterrupt), deferrable():
        signal.raise_signal(signal.SIGINT)
    assert order == ["end of the step"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
