"""Every verb: its shape rule, its meaning, its freedom from aliasing, and the same on every executor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loom_py.errors import ShapeError
from loom_py.ops import VERBS
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
from tests.ops.case import CASES, Call, Draw, calls

assert all(
    (cases_arithmetic, cases_attention, cases_networks, cases_tweening, cases_updates, cases_windows)
)  # they declare the cases
EVERY = pytest.mark.parametrize("name", sorted(VERBS))
ON_GPU = 3
"""On a GPU every third call is run: a software renderer takes 0.2 s for a kernel, and edges have tests of their own."""
FLOAT32 = 3e-5  # of the largest value: what a few rounded additions may cost


def check(result: suite.Result, call: Call, tolerance: float) -> None:
    assert len(result.outputs) == len(call.expected)
    for got, wanted in zip(result.outputs, call.expected, strict=True):
        assert wanted is None or suite.distance(got, wanted) <= tolerance
    for place, wanted in call.after.items():
        got = result.inputs[place]
        assert got is not None
        assert suite.distance(got, wanted) <= tolerance


def test_every_verb_has_cases() -> None:
    assert set(CASES) == set(VERBS)
    assert set(VERBS) >= REDUCING


@EVERY
@settings(max_examples=30)
@given(data=st.data())
def test_meaning(name: str, data: st.DataObject) -> None:
    call = CASES[name](Draw(data), name)
    check(suite.eager(VERBS[name], call, np.float64), call, call.tolerance)


@EVERY
def test_meaning_in_float32(name: str) -> None:
    for call in calls(name):
        check(suite.eager(VERBS[name], call, np.float32), call, max(call.tolerance, FLOAT32))


@EVERY
def test_shape_rule_is_what_the_meaning_fills(name: str) -> None:
    """Outputs as the rule says are written whole, whatever they held; dtype follows the inputs' precision."""
    for call in calls(name):
        one, other = (suite.over_garbage(VERBS[name], call, np.float32, garbage) for garbage in (7.0, -3.0))
        for a, b, wanted in zip(one.outputs, other.outputs, call.expected, strict=True):
            np.testing.assert_array_equal(a, b)
            if wanted is not None:
                assert a.shape == wanted.shape
                fixed = name in ("stats", "histogram") or wanted.dtype.kind == "i"
                assert a.dtype == (wanted.dtype if fixed else np.float32)


@EVERY
def test_only_declared_inputs_are_written_and_outputs_are_new(name: str) -> None:
    verb = VERBS[name]
    for call in calls(name):
        result = suite.eager(verb, call, np.float64)
        for place, (before, after) in enumerate(zip(call.arrays(np.float64), result.inputs, strict=True)):
            if place not in verb.writes and before is not None:
                np.testing.assert_array_equal(after, before)
            assert not any(after is not None and np.shares_memory(after, out) for out in result.outputs)
        assert set(call.after) <= set(verb.writes)


@pytest.mark.parametrize(("name", "place"), [(n, place) for n in sorted(VERBS) for place in VERBS[n].reuses])
def test_output_may_lie_in_a_reused_input(name: str, place: int) -> None:
    for call in calls(name):
        shared = suite.aliased(VERBS[name], call, np.float32, place)
        if shared is not None:
            np.testing.assert_array_equal(shared.outputs[0], suite.eager(VERBS[name], call, np.float32).outputs[0])


@pytest.mark.parametrize("name", [n for n in sorted(VERBS) if VERBS[n].reuses])
def test_reuse_is_tried_at_all(name: str) -> None:
    """The test above would pass if the specs never agreed."""
    verb = VERBS[name]
    assert any(suite.aliased(verb, call, np.float32, p) is not None for call in calls(name) for p in verb.reuses)


REDUCING = frozenset({
    "absolute_error", "attention", "attention_gradient", "binary_cross_entropy_logits",
    "binary_cross_entropy_probabilities", "correct_count", "count_nonfinite", "cross_entropy_logits",
    "cross_entropy_probabilities", "distance", "entmax", "entmax_gradient", "global_norm", "huber_error", "mean",
    "moments", "normalise", "normalise_gradient", "scatter_add", "softmax", "softmax_gradient", "squared_error", "sum",
})  # fmt: skip
"""Verbs with a kernel that has another text for devices with subgroups, for some calls at least (attention in blocks,
many ids); the others need no second run there."""


def runs_on(executor: str, name: str) -> bool:
    """Whether a run there proves anything that another executor's does not."""
    return name in REDUCING or not executor.endswith("subgroups")


@pytest.mark.parametrize(
    ("executor", "name"),
    [
        pytest.param(executor, name, id=f"{name}-{executor}")
        for name in sorted(VERBS)
        for executor in sorted(suite.EXECUTORS)
        if runs_on(executor, name)
    ],
)
def test_program_equals_eager(executor: str, name: str) -> None:
    machine, tolerance = suite.EXECUTORS[executor]
    verb = VERBS[name]
    for call in calls(name)[:: ON_GPU if "webgpu" in executor else 1]:
        got, wanted = suite.executed(verb, call, machine), suite.eager(verb, call, np.float32)
        assert name in REDUCING or not (isinstance(machine, machines.Edition) and machine.differs)
        for a, b in zip((*got.outputs, *got.inputs), (*wanted.outputs, *wanted.inputs), strict=True):
            if a is not None and b is not None:
                assert a.dtype == b.dtype
                assert suite.distance(a, b) <= tolerance, call


@EVERY
def test_cost_is_a_count(name: str) -> None:
    verb = VERBS[name]
    for call in calls(name):
        ins = suite.specs_of(call.arrays(np.float32))
        cost = verb.flops(ins, verb.output_specs(ins, call.attrs), call.attrs)
        assert isinstance(cost, int)
        assert cost >= 0


X = np.zeros((2, 3))
WRONG = {
    "add": ((X, np.zeros((2, 4))), {}),
    "matmul": ((X, X), {}),
    "matmul of vectors": ((X, np.zeros(3)), {}),
    "matmul with bias": ((X, np.zeros((3, 4)), np.zeros(3)), {}),
    "sum": ((X,), {"axes": 2}),
    "reshape": ((X,), {"shape": (4, -1)}),
    "rows": ((X,), {"start": 1, "stop": 3}),
    "transpose": ((X,), {"axes": (0, 0)}),
    "slice_axis": ((X,), {"axis": 1, "start": 2, "stop": 2}),
    "concat": ((X, np.zeros((3, 3))), {"axis": 1}),
    "moments": ((X,), {"axes": (2,)}),
    "squared_error": ((X, np.zeros((3, 2))), {}),
    "cross_entropy_logits": ((X, np.zeros(3, np.int32)), {}),
    "unfold": ((np.zeros((1, 1, 3)),), {"size": (4,), "stride": (1,), "padding": (0,), "dilation": (1,)}),
    "unfold of too few numbers": (
        (np.zeros((1, 1, 3, 3)),),
        {"size": (1,), "stride": (1,), "padding": (0,), "dilation": (1,)},
    ),
    "fold": ((np.zeros((1, 2, 1, 3)),), {"shape": (3,), "stride": (1,), "padding": (0,), "dilation": (1,)}),
}


@pytest.mark.parametrize("title", WRONG)
def test_shapes_that_do_not_fit_are_refused(title: str) -> None:
    inputs, attrs = WRONG[title]
    with pytest.raises(ShapeError, match=r"expected .*got"):
        VERBS[title.split()[0]](*inputs, **attrs)
