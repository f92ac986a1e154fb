"""What the pass `epilogues` gives to products, and what it must leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from loom_py import Batch, Dense, Network, ops
from loom_py.ops import ActivationName, Tensor
from loom_py.program import Program, Recorder
from tests.unit.program.recorded import Author, check_same, recorded, verbs


def product(r: Recorder, x: Tensor) -> Tensor:
    found: Tensor = ops.matmul(x, r.input("b", (6, 5)), r.input("bias", (5,)))
    return found


def test_an_activation_becomes_the_products() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        r.output("y", ops.activate(product(r, x), function="gelu"))

    (instruction,) = check_same(author).instructions
    assert instruction.attrs["activation"] == "gelu"


def test_the_result_may_be_seen_in_another_shape() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        y = ops.activate(ops.reshape(product(r, x), shape=(2, 2, 5)), function="tanh")
        r.output("y", ops.softmax(y))

    assert verbs(check_same(author)) == ["matmul", "softmax"]


def test_a_result_may_go_to_lasting_memory() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        y = ops.activate(ops.reshape(product(r, x), shape=(20,)), function="relu")
        r.bind(y, r.persistent("area", 16, (20,), "kept"))

    assert verbs(check_same(author)) == ["matmul"]


def read_twice(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = product(r, x)
    r.output("y", ops.activate_gradient(ops.activate(y, function="silu"), y, function="silu"))


def kept(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = product(r, x)
    r.output("y", y)
    r.output("z", ops.activate(y, function="relu"))


def observed(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = product(r, x)
    r.observe("output", "0", "forward", ops.stats(y))
    r.output("z", ops.activate(y, function="relu"))


def seen_in_part(r: Recorder, x: Tensor, w: Tensor) -> None:
    r.output("y", ops.activate(ops.rows(product(r, x), start=0, stop=2), function="relu"))


def of_two_layers(r: Recorder, x: Tensor, w: Tensor) -> None:
    with r.span("0", "forward"):
        y = product(r, x)
    with r.span("1", "forward"):
        r.output("z", ops.activate(y, function="relu"))


def written_in_between(r: Recorder, x: Tensor, w: Tensor) -> None:
    factor = r.persistent("area", 0, (6, 5), "weight")
    y = ops.matmul(x, factor)
    ops.store(factor, r.input("new", (6, 5)))
    r.output("z", ops.activate(y, function="relu"))


def written_over_a_factor(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = ops.activate(ops.matmul(x, r.persistent("area", 0, (6, 6), "before")), function="relu")
    r.bind(y, r.persistent("area", 0, (4, 6), "after"))


@pytest.mark.parametrize(
    "author",
    [read_twice, kept, observed, seen_in_part, of_two_layers, written_in_between, written_over_a_factor],
)
def test_left_alone(author: Author) -> None:
    assert not any("activation" in i.attrs for i in check_same(author).instructions)


def _step(activation: ActivationName) -> Program:
    net = Network.of(6, [Dense(6, 5, activation), Dense(5, 3)], seed=0)
    net.train([Batch(np.ones((4, 6), np.float32), np.zeros(4, np.int32))])
    ready = next(r for key, r in net.engine._ready.items() if isinstance(key, tuple) and key[0] == "step")
    return ready.loaded.program


def test_training_merges_what_its_gradient_needs_the_output_of() -> None:
    def merged(program: Program) -> list[str]:
        return [i.attrs["activation"] for i in program.instructions if "activation" in i.attrs]

    assert merged(_step("relu")) == ["relu"]
    assert merged(_step("gelu")) == []


def test_nobody_else_may_follow_the_merged_activation_into_a_chain() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        y = ops.activate(product(r, x), function="relu")
        r.output("y", ops.multiply(ops.add(y, y), r.input("c", (5,))))

    assert verbs(recorded(author)) == ["matmul", "chain"]
    check_same(author)
