"""Sharing memory changes nothing: random Programs, planned and with memory of its own for every buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loom_py import ops
from loom_py.executors.numpy import NumpyExecutor
from loom_py.ops import Tensor
from loom_py.program import ARENA, Program, Recorder
from loom_py.shapes import AnyArray
from tests.ops import suite
from tests.ops.case import Draw
from tests.ops.plans import check_plan, unshared

Pair = tuple[Any, AnyArray]
"""A recorded value and the same reckoned eagerly."""


class Author:
    """Writes a random Program over a few inputs, and does the same work eagerly beside it."""

    def __init__(self, d: Draw) -> None:
        self.d = d
        self.recorder = Recorder()
        self.given: dict[str, AnyArray] = {}
        self.pairs: list[Pair] = []
        for name in ("a", "b"):
            self.given[name] = d.values(d.shape(1, 3, 4)).astype(np.float32)
            self.pairs.append((self.recorder.input(name, self.given[name].shape), self.given[name]))

    def pick(self) -> Pair:
        """Mostly something recent, so that chains grow long and memory is taken over."""
        count = len(self.pairs)
        return self.pairs[max(self.d.integer(0, count - 1), self.d.integer(0, count - 1))]

    def say(self, verb: Any, *pairs: Pair, **attrs: Any) -> None:
        recorded = verb(*(t for t, _ in pairs), **attrs)
        eager = verb(*(a for _, a in pairs), **attrs)
        several = isinstance(recorded, tuple)
        self.pairs += zip(recorded, eager, strict=True) if several else [(recorded, eager)]

    def step(self) -> None:
        x = self.pick()
        shape, ndim = x[1].shape, x[1].ndim
        match self.d.integer(0, 9):
            case 0 | 1:
                self.say(ops.activate, x, function=self.d.choice("tanh", "relu", "silu"))
            case 2 | 3:
                self.binary(x)
            case 4:
                self.say(ops.softmax, x)
            case 5:
                self.say(ops.reshape, x, shape=self.d.choice((-1,), shape[::-1], (*shape, 1)[:4]))
            case 6:
                start = self.d.integer(0, shape[0] - 1)
                self.say(ops.rows, x, start=start, stop=self.d.integer(start + 1, shape[0]))
            case 7:
                self.say(ops.transpose, x, axes=self.d.permutation(ndim))
            case 8:
                self.say(ops.sum, x, axes=self.d.integer(0, ndim - 1), keepdims=True)
            case _:
                self.say(ops.normalise, x, axes=(-1,), eps=0.1)

    def binary(self, x: Pair) -> None:
        """With anything it broadcasts with: itself, a view of itself, or another."""
        fitting = [p for p in self.pairs if _fits(x[1], p[1])]
        other = fitting[self.d.integer(0, len(fitting) - 1)]
        pair = (x, other) if self.d.choice(True, False) else (other, x)
        if x[1].shape == other[1].shape and self.d.choice(True, False, False):
            self.say(ops.activate_gradient, *pair, function="tanh")
        else:
            self.say(self.d.choice(ops.add, ops.multiply, ops.subtract), *pair)

    def end(self) -> tuple[Program, dict[str, AnyArray]]:
        """Keep a few values, one of them in lasting memory."""
        wanted = {}
        for number in range(self.d.integer(1, 4)):
            tensor, array = self.pick()
            self.recorder.output(f"out{number}", tensor)
            wanted[f"out{number}"] = array
        tensor, array = self.pick()
        place = self.recorder.persistent("kept", 0, tensor.shape, "kept")
        assert isinstance(tensor, Tensor)
        self.recorder.bind(tensor, place)
        self.recorder.observe("output", "0", "forward", ops.stats(self.pick()[0]))
        return self.recorder.finish(), wanted | {"kept": array}


def _fits(a: AnyArray, b: AnyArray) -> bool:
    try:
        return np.broadcast_shapes(a.shape, b.shape) is not None
    except ValueError:
        return False


def run(program: Program, inputs: dict[str, AnyArray], kept: AnyArray) -> dict[str, AnyArray]:
    executor = NumpyExecutor()
    memory = executor.allocate({"kept": kept.nbytes})
    loaded = executor.load(program, memory)
    for name in program.inputs:
        loaded.write(name, inputs[name])
    got = {}
    for _ in range(2):  # a second run must not find its inputs spoilt by the first
        loaded.run()
        got = {name: loaded.read(name) for name in program.outputs}
    return got | {"kept": memory.read("kept", 0, kept.shape), "observed": loaded.read_observed()}


@settings(max_examples=settings.default.max_examples * 2)
@given(data=st.data())
def test_sharing_changes_nothing(data: st.DataObject) -> None:
    author = Author(Draw(data))
    for _ in range(author.d.integer(1, 25)):
        author.step()
    program, wanted = author.end()
    check_plan(program)
    planned = run(program, author.given, wanted["kept"])
    alone = run(unshared(program), author.given, wanted["kept"])
    for name, array in alone.items():
        np.testing.assert_array_equal(planned[name], array, err_msg=name)
    for name, array in wanted.items():
        assert suite.distance(planned[name], array) <= 1e-5, name


def test_a_chain_needs_two_places_and_elementwise_steps_one() -> None:
    recorder = Recorder()
    x = recorder.input("x", (256, 256))
    y = ops.transpose(x, axes=(1, 0))
    for _ in range(5):
        y = ops.exp(y)
    for _ in range(5):
        y = ops.transpose(y, axes=(1, 0))
    recorder.output("y", y)
    program = recorder.finish()
    nbytes = 256 * 256 * 4
    assert program.sizes[ARENA] == 3 * nbytes  # the input stays for the next run
    assert program.unshared_arena == 11 * nbytes
    check_plan(program)
