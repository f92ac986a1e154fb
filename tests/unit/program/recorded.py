"""Programs recorded with passes and without, and whether they give the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from loom_py.executors.numpy import NumpyExecutor
from loom_py.ops import Tensor
from loom_py.program import Program, Recorder
from loom_py.shapes import AnyArray
from tests.ops.plans import check_plan

SHAPE = (4, 6)
Author = Callable[[Recorder, Tensor, Tensor], None]


class Plain(Recorder):
    """A Recorder without passes."""

    passes = ()


def recorded(author: Author, make: type[Recorder] = Recorder) -> Program:
    recorder = make()
    author(recorder, recorder.input("x", SHAPE), recorder.input("w", SHAPE[1:]))
    return recorder.finish()


def verbs(program: Program) -> list[str]:
    return [i.verb.name for i in program.instructions]


def run(program: Program) -> dict[str, AnyArray]:
    executor, rng = NumpyExecutor(), np.random.default_rng(0)
    memory = executor.allocate({"area": 256})
    loaded = executor.load(program, memory)
    for name in program.inputs:
        loaded.write(name, rng.standard_normal(loaded.arrays[program.inputs[name]].shape))
    loaded.run()
    area = memory.read("area", 0, (64,))
    return {name: loaded.read(name) for name in program.outputs} | {"area": area, "observed": loaded.read_observed()}


def check_same(author: Author) -> Program:
    """Bit for bit what the instructions give one by one, for as many FLOPs; returns the Program with passes."""
    fused, plain = recorded(author), recorded(author, Plain)
    check_plan(fused)
    wanted = run(plain)
    for name, got in run(fused).items():
        np.testing.assert_array_equal(got, wanted[name], err_msg=name)
    assert fused.flops() == plain.flops()
    assert len(fused.instructions) <= len(plain.instructions)
    return fused
