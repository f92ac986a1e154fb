"""Elementwise kernels on the GPU: error in units of the last place, what is not a number, every size, in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from loom_py import ops
from loom_py.ops import FUNCTIONS, VERBS, Verb
from loom_py.program import Recorder
from loom_py.shapes import AnyArray
from tests.ops import machines, suite
from tests.ops.cases_arithmetic import PLAIN
from tests.ops.guards import guarded
from tests.ops.test_wasm_math import EXACT, SPECIAL, everywhere

GPU = machines.webgpu()
pytestmark = pytest.mark.skipif(GPU is None, reason="no driver of a GPU")
SIZES = (1, 255, 256, 257, 1000, 70_000)
RNG = np.random.default_rng(3)
NORMAL = float(np.finfo(np.float32).tiny)
"""What is smaller a GPU may take for 0."""


def run(verb: Verb, *arrays: AnyArray, **attrs: Any) -> AnyArray:
    assert GPU
    return guarded(GPU[1], verb, list(arrays), **attrs)[0]


def exactly(verb: Verb, *arrays: AnyArray, **attrs: Any) -> AnyArray:
    """What NumPy says, silently."""
    with np.errstate(all="ignore"):
        found: AnyArray = verb(*arrays, **attrs)
    return found


def units(got: AnyArray, wanted: AnyArray) -> float:
    """Largest error in units of the last place of what is wanted (float64), where that is a normal number."""
    narrow = wanted.astype(np.float32)
    normal = np.isfinite(narrow) & (np.abs(narrow) >= NORMAL)
    assert (np.abs(got[~normal & np.isfinite(narrow)]) <= NORMAL).all()
    return float(np.max(np.abs(got[normal].astype(np.float64) - wanted[normal]) / np.spacing(np.abs(narrow[normal]))))


def same(got: AnyArray, wanted: AnyArray, least: float = 2 * NORMAL) -> bool:
    """Whether all numbers are the same to a few units, NaN and infinities included."""
    return bool(np.isclose(got, wanted, rtol=1e-5, atol=least, equal_nan=True).all())


@pytest.mark.parametrize("function", sorted(EXACT))
def test_activations_are_within_a_few_units(function: str) -> None:
    exact, _ = EXACT[function]
    x = everywhere(-80, 3e38)
    with np.errstate(all="ignore"):
        wanted = exact(x.astype(np.float64))
    assert units(run(ops.activate, x, function=function), wanted) <= 5


def test_exp_is_right_up_to_the_largest_number_and_infinite_beyond() -> None:
    x = np.concatenate([everywhere(-87, 88.7), np.linspace(-120, 88.72, 4000, dtype=np.float32)])
    assert units(run(ops.exp, x), np.exp(x.astype(np.float64))) <= 2
    edge = np.linspace(88.7, 89.5, 400, dtype=np.float32)
    assert same(run(ops.exp, edge), exactly(ops.exp, edge))
    assert np.isinf(run(ops.exp, edge)).any()


def test_gelu_is_right_to_the_rounding_of_its_larger_part() -> None:
    x = everywhere(-50, 50)
    wanted = np.array([PLAIN["gelu"](float(v)) for v in x])
    assert (np.abs(run(ops.activate, x, function="gelu") - wanted) <= 3e-7 * np.abs(x) + NORMAL).all()
    assert same(run(ops.activate, np.float32([-3e38, -1e9, 1e9, 3e38]), function="gelu"), np.float32([0, 0, 1e9, 3e38]))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_not_finite_is_answered_as_by_numpy(function: str) -> None:
    least = 100 * NORMAL if function == "silu" else 2 * NORMAL  # x times a sigmoid that a GPU may take for 0
    assert same(run(ops.activate, SPECIAL, function=function), exactly(ops.activate, SPECIAL, function=function), least)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_of_what_is_not_finite(function: str) -> None:
    """At everything that the function gives (or takes, where the gradient is by its input)."""
    at = np.float32([0, -0.0, 0.25, -0.5, 1, 3, -3, 80, -7, np.nan, np.inf, -np.inf])
    saved = exactly(ops.activate, at, function=function) if FUNCTIONS[function].needs == "output" else at
    dy = np.float32([np.nan, np.inf, -np.inf, 2, -0.5, 0, 100])
    dys, saveds = (np.ascontiguousarray(a) for a in np.broadcast_arrays(dy[:, None], saved))
    wanted = exactly(ops.activate_gradient, dys, saveds, function=function)
    assert same(run(ops.activate_gradient, dys, saveds, function=function), wanted)


def test_other_functions_of_what_is_not_finite() -> None:
    x = np.concatenate([SPECIAL, np.float32([1.5, -1.5, 0.3])])
    assert np.array_equal(run(ops.abs, x).view(np.uint32), np.abs(x).view(np.uint32))
    assert same(run(ops.exp, x), exactly(ops.exp, x))
    roots = np.float32([0, 1e-30, 4, -1, -4, 1e38, np.inf, -np.inf, np.nan])
    for eps in (0.0, 1.0):
        assert same(run(ops.inverse_root, roots, eps=eps), exactly(ops.inverse_root, roots, eps=eps))
    for low, high in ((-1.0, 1.0), (0.01, math.inf), (-math.inf, 0.5), (-math.inf, math.inf)):
        assert same(run(ops.clamp, x, low=low, high=high), exactly(ops.clamp, x, low=low, high=high))


CALLS: list[tuple[str, int, dict[str, Any]]] = [
    *(("activate", 1, {"function": name}) for name in ("relu", "gelu")),
    *(("activate_gradient", 2, {"function": name}) for name in ("tanh", "silu")),
    ("exp", 1, {}),
    ("inverse_root", 1, {"eps": 10.0}),
    ("clamp", 1, {"low": -0.5, "high": 1.0}),
    ("abs", 1, {}),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "count", "attrs"), CALLS)
def test_every_size_and_nothing_beside_it(name: str, count: int, attrs: dict[str, Any], size: int) -> None:
    arrays = [np.float32(RNG.normal(size=size)) for _ in range(count)]
    assert suite.distance(run(VERBS[name], *arrays, **attrs), exactly(VERBS[name], *arrays, **attrs)) <= 1e-6


@pytest.mark.parametrize("place", (0, 1))
@pytest.mark.parametrize(("name", "count", "attrs"), CALLS)
def test_an_output_in_the_place_of_its_input(name: str, count: int, attrs: dict[str, Any], place: int) -> None:
    """The input is a copy that dies here, so that the memory plan gives its place to the output."""
    verb = VERBS[name]
    if place not in verb.reuses:
        return
    arrays = [np.float32(RNG.normal(size=(3, 200))) for _ in range(count)]
    assert suite.distance(in_place(verb, arrays, place, **attrs), exactly(verb, *arrays, **attrs)) <= 1e-6


def in_place(verb: Verb, arrays: list[AnyArray], place: int, **attrs: Any) -> AnyArray:
    """A verb's output where one of its inputs was."""
    assert GPU
    recorder = Recorder()
    tensors: list[Any] = [recorder.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    tensors[place] = ops.copy(tensors[place])
    recorder.output("y", verb(*tensors, **attrs))
    program = recorder.finish()
    last = program.instructions[-1]
    before, after = program.buffers[last.inputs[place] or 0], program.buffers[last.outputs[0]]
    assert before.offset == after.offset, "nothing was taken over"
    loaded = GPU[1].load(program, GPU[1].allocate({}))
    for i, a in enumerate(arrays):
        loaded.write(f"x{i}", a)
    loaded.run()
    return loaded.read("y")
