"""What the pass `chains` makes one, and what it must leave alone."""

from __future__ import annotations

import pytest

from loom_py import ops
from loom_py.ops import Tensor
from loom_py.program import Recorder
from tests.unit.program.recorded import SHAPE, Author, Plain, check_same, recorded, verbs


def test_a_run_becomes_one_instruction_and_reads_each_operand_once() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        y = ops.activate(ops.subtract(w, ops.multiply(x, w)), function="tanh")
        r.output("y", ops.activate_gradient(y, x, function="gelu"))

    program = check_same(author)
    (chain,) = program.instructions
    assert len(chain.inputs) == 2
    assert "steps=(multiply(0, 1), subtract(1, ·), tanh(·), gelu_gradient(·, 0))" in str(program)


def test_the_last_step_may_see_the_same_elements_in_another_shape() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        y = ops.reshape(ops.add(x, w), shape=(2, 12))
        r.output("y", ops.activate(y, function="relu"))

    (chain,) = check_same(author).instructions
    assert chain.attrs["shape"] == (2, 12)


def test_other_work_in_between_does_not_matter() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        y = ops.add(x, w)
        r.output("t", ops.transpose(x, axes=(1, 0)))
        r.output("y", ops.multiply(y, x))

    assert verbs(check_same(author)) == ["transpose", "chain"]


def test_long_runs_are_cut_as_kernels_need_it() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        for _ in range(20):
            x = ops.multiply(x, w)
        r.output("y", x)

    assert [len(i.attrs["steps"]) for i in check_same(author).instructions] == [8, 8, 4]


def test_many_operands_are_cut_as_kernels_need_it() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        for number in range(9):
            x = ops.add(x, r.input(f"in{number}", SHAPE))
        r.output("y", x)

    assert [len(i.inputs) for i in check_same(author).instructions] == [7, 4]


def two_readers(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = ops.add(x, w)
    r.output("y", ops.multiply(y, x))
    r.output("z", ops.softmax(y))


def squared(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = ops.add(x, w)
    r.output("y", ops.multiply(y, y))


def kept(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = ops.add(x, w)
    r.output("y", y)
    r.output("z", ops.multiply(y, x))


def observed(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = ops.add(x, w)
    r.observe("output", "0", "forward", ops.stats(y))
    r.output("z", ops.multiply(y, x))


def persistent(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = ops.add(x, w)
    r.bind(y, r.persistent("area", 0, SHAPE, "kept"))
    r.output("z", ops.multiply(y, x))


def seen_in_part(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = ops.rows(ops.add(x, w), start=1, stop=3)
    r.output("z", ops.activate(y, function="relu"))


def seen_otherwise(r: Recorder, x: Tensor, w: Tensor) -> None:
    y = ops.reshape(ops.add(x, w), shape=(2, 12))
    r.output("z", ops.multiply(y, ops.reshape(x, shape=(2, 12))))


def growing(r: Recorder, x: Tensor, w: Tensor) -> None:
    r.output("z", ops.add(ops.multiply(w, w), x))


def of_two_layers(r: Recorder, x: Tensor, w: Tensor) -> None:
    with r.span("0", "forward"):
        y = ops.add(x, w)
    with r.span("1", "forward"):
        r.output("z", ops.multiply(y, x))


def of_two_segments(r: Recorder, x: Tensor, w: Tensor) -> None:
    with r.segment("forward"):
        y = ops.add(x, w)
    with r.segment("backward"):
        r.output("z", ops.multiply(y, x))


def written_in_between(r: Recorder, x: Tensor, w: Tensor) -> None:
    place = r.persistent("area", 0, SHAPE, "state")
    y = ops.add(place, w)
    ops.store(place, x)
    r.output("z", ops.multiply(y, x))


def written_by_itself(r: Recorder, x: Tensor, w: Tensor) -> None:
    """The result goes where the first step reads, shifted by a row."""
    y = ops.add(r.persistent("area", 0, SHAPE, "before"), w)
    r.bind(ops.multiply(y, x), r.persistent("area", 24, SHAPE, "after"))


@pytest.mark.parametrize(
    "author",
    [
        two_readers, squared, kept, observed, persistent, seen_in_part, seen_otherwise, growing, of_two_layers,
        of_two_segments, written_in_between, written_by_itself,
    ],
)  # fmt: skip
def test_left_alone(author: Author) -> None:
    assert "chain" not in verbs(check_same(author))


def test_segments_and_spans_keep_what_is_theirs() -> None:
    def author(r: Recorder, x: Tensor, w: Tensor) -> None:
        with r.segment("forward"), r.span("0", "forward"):
            y = ops.add(ops.multiply(x, w), w)
        with r.segment("backward"), r.span("0", "backward"):
            r.output("y", ops.softmax(y))

    fused, plain = recorded(author), recorded(author, Plain)
    assert [(s.name, s.start, s.stop) for s in fused.segments] == [("forward", 0, 1), ("backward", 1, 2)]
    for phase in ("forward", "backward"):
        assert fused.flops("0", phase) == plain.flops("0", phase) > 0
