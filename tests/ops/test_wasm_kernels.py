"""The kernels beyond what the op suite draws: large and odd shapes, and not a byte beside where they may write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loom_py import ops
from loom_py.executors.numpy import NumpyExecutor
from loom_py.executors.wasm.pack import PACKERS
from loom_py.ops import VERBS, Verb
from loom_py.program import Recorder
from loom_py.shapes import AnyArray
from tests.ops import (
    cases_arithmetic,
    cases_attention,
    cases_networks,
    cases_tweening,
    cases_updates,
    cases_windows,
    machines,
    suite,
)
from tests.ops.case import Call, Draw, calls
from tests.ops.test_memory_plan import Author

assert all(
    (cases_arithmetic, cases_attention, cases_networks, cases_tweening, cases_updates, cases_windows)
)  # they declare the cases
_, EXECUTOR = machines.wasm()
GUARD = 64
RNG = np.random.default_rng(2)
# Around the edges of tiles (4, 8, 16, 32) and blocks (128, 256, 512).
EDGES = (1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 31, 33, 63, 65, 127, 129, 130, 255, 257, 300, 513, 530)


def guarded(verb: Verb, arrays: list[AnyArray | None], **attrs: Any) -> tuple[AnyArray, ...]:
    """Outputs of a verb that lie between guards in lasting memory; the guards must stay."""
    recorder = Recorder()
    tensors = [None if a is None else recorder.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    specs = verb.output_specs(suite.specs_of(arrays), attrs)
    sizes = [-(-s.nbytes // 64) * 64 for s in specs]
    outputs = verb(*tensors, **attrs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for number, (output, spec) in enumerate(zip(outputs, specs, strict=True)):
        recorder.bind(output, recorder.persistent(f"out{number}", GUARD, spec.shape, "", spec.dtype))
    memory = EXECUTOR.allocate({f"out{n}": size + 2 * GUARD for n, size in enumerate(sizes)})
    for n, size in enumerate(sizes):
        memory.write(f"out{n}", 0, np.full(size + 2 * GUARD, 0xA5, np.uint8))
    loaded = EXECUTOR.load(recorder.finish(), memory)
    assert loaded.uncovered == []
    for i, a in enumerate(arrays):
        if a is not None:
            loaded.write(f"x{i}", a)
    loaded.run()
    found = []
    for n, (size, spec) in enumerate(zip(sizes, specs, strict=True)):
        raw = memory.read(f"out{n}", 0, (size + 2 * GUARD,), np.uint8)
        assert (raw[:GUARD] == 0xA5).all() and (raw[GUARD + spec.nbytes :] == 0xA5).all(), "written beside the output"
        found.append(memory.read(f"out{n}", GUARD, spec.shape, spec.dtype))
    return tuple(found)


def test_every_verb_has_a_packer() -> None:
    assert set(PACKERS) == set(VERBS)


@pytest.mark.parametrize("name", sorted(VERBS))
def test_whatever_the_op_suite_draws_is_covered_and_writes_only_its_outputs(name: str) -> None:
    verb = VERBS[name]
    for call in calls(name):
        arrays = call.arrays(np.float32)
        if verb.writes or any(a is not None and a.size == 0 for a in arrays):
            continue
        wanted = suite.eager(verb, call, np.float32).outputs
        for got, want in zip(guarded(verb, arrays, **call.attrs), wanted, strict=True):
            assert suite.distance(got, want) <= 1e-5


def product(m: int, n: int, k: int, ta: bool, tb: bool, bias: bool, batch: int = 0) -> None:
    lead = (batch,) if batch else ()
    a = RNG.standard_normal((*lead, k, m) if ta else (*lead, m, k)).astype(np.float32)
    b = RNG.standard_normal((*lead, n, k) if tb else (*lead, k, n)).astype(np.float32)
    c = RNG.standard_normal(n).astype(np.float32) if bias else None
    (got,) = guarded(ops.matmul, [a, b, c], transpose_a=ta, transpose_b=tb)
    left = (a.swapaxes(-1, -2) if ta else a).astype(np.float64)
    right = (b.swapaxes(-1, -2) if tb else b).astype(np.float64)
    wanted = left @ right + (0 if c is None else c)
    scale = np.abs(left) @ np.abs(right) + (0 if c is None else np.abs(c))
    assert (np.abs(got - wanted) <= 2e-6 * scale).all()


@settings(max_examples=settings.default.max_examples * 2)
@given(
    *(st.sampled_from(EDGES) for _ in range(3)), st.booleans(), st.booleans(), st.booleans(), st.sampled_from((0, 0, 3))
)
def test_products_of_any_shape(m: int, n: int, k: int, ta: bool, tb: bool, bias: bool, batch: int) -> None:
    if m * n * k > 6e6:
        m = m % 40 + 1
    product(m, n, k, ta, tb, bias, batch)


def test_products_that_cross_every_block() -> None:
    product(261, 531, 517, False, False, True)
    product(133, 1041, 262, True, True, False)


@pytest.mark.parametrize("shape", [(261, 531, 517), (2, 300, 9), (7, 40, 30), (50, 5, 33), (40, 1, 20)])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_activation_meets_every_result_once(shape: tuple[int, ...], activation: str) -> None:
    """Twice would show in a gelu."""
    m, n, k = shape
    a, b, bias = (RNG.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n), (n,)))
    for c in (bias, None):
        (got,) = guarded(ops.matmul, [a, b, c], activation=activation)
        assert suite.distance(got, ops.matmul(a, b, c, activation=activation)) <= 1e-5


@pytest.mark.parametrize("shape", [(3, 5000), (5000, 3), (70, 70, 7), (2, 3, 40, 41), (1, 9999)])
@pytest.mark.parametrize("verb", ["sum", "mean", "moments", "normalise"])
def test_reductions_of_many_values(verb: str, shape: tuple[int, ...]) -> None:
    x = (RNG.standard_normal(shape) + 3).astype(np.float32)
    for axes in ((0,), (-1,), tuple(range(len(shape))), (0, len(shape) - 1)):
        attrs = {"axes": axes} | ({"eps": 0.5} if verb == "normalise" else {})
        wanted = suite.eager(VERBS[verb], Call((x,), attrs), np.float64).outputs
        for got, want in zip(guarded(VERBS[verb], [x], **attrs), wanted, strict=True):
            assert suite.distance(got, want) <= 3e-6


@settings(max_examples=settings.default.max_examples * 2)
@given(data=st.data())
def test_random_programs_agree_with_numpy(data: st.DataObject) -> None:
    author = Author(Draw(data))
    for _ in range(author.d.integer(1, 25)):
        author.step()
    program, wanted = author.end()
    results = []
    for executor in (NumpyExecutor(), EXECUTOR):
        memory = executor.allocate({"kept": wanted["kept"].nbytes})
        loaded = executor.load(program, memory)
        for name in program.inputs:
            loaded.write(name, author.given[name])
        for _ in range(2):
            loaded.run()
        kept = memory.read("kept", 0, wanted["kept"].shape)
        results.append({**{name: loaded.read(name) for name in program.outputs}, "kept": kept})
    for name, want in results[0].items():
        assert suite.distance(results[1][name], want) <= 3e-5, name


@pytest.mark.parametrize(("name", "place"), [(n, place) for n in sorted(VERBS) for place in VERBS[n].reuses])
def test_an_output_may_take_over_the_memory_of_its_input(name: str, place: int) -> None:
    for call in calls(name):
        takes_over(VERBS[name], call, place)


def takes_over(verb: Verb, call: Call, place: int) -> None:
    """The input is a copy that dies here, so that the memory plan gives its place to the output."""
    arrays = call.arrays(np.float32)
    recorder = Recorder()
    tensors: list[Any] = [
        None if a is None else recorder.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)
    ]
    tensors[place] = ops.copy(tensors[place])
    recorder.output("y", verb(*tensors, **call.attrs))
    program = recorder.finish()
    loaded = EXECUTOR.load(program, EXECUTOR.allocate({}))
    for i, a in enumerate(arrays):
        if a is not None:
            loaded.write(f"x{i}", a)
    loaded.run()
    last, before = program.instructions[-1], program.buffers[program.instructions[-1].inputs[place] or 0]
    if before.spec == program.buffers[last.outputs[0]].spec:
        assert before.offset == program.buffers[last.outputs[0]].offset, "nothing was taken over"
    assert suite.distance(loaded.read("y"), suite.eager(verb, call, np.float32).outputs[0], least=1e-2) <= 1e-5
