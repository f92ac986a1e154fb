"""The vector functions of the kernels: their error in units of the last place, and their special values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loom_py import ops
from loom_py.ops import Verb
from loom_py.program import Recorder
from loom_py.shapes import AnyArray
from tests.ops import machines
from tests.ops.cases_arithmetic import PLAIN

_, EXECUTOR = machines.wasm()
RNG = np.random.default_rng(1)
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3e38, -3e38, 88.7, 88.8, -87.4, -104], np.float32
)


def everywhere(low: float, high: float, count: int = 40_000) -> AnyArray:
    """Numbers of every magnitude and sign between low and high, and evenly spread ones."""
    powers = (RNG.choice([-1.0, 1.0], count) * 2.0 ** RNG.uniform(-126, 127, count)).astype(np.float32)
    inside = powers[(powers >= low) & (powers <= high)]
    spread = RNG.uniform(max(low, -120), min(high, 120), count).astype(np.float32)
    return np.concatenate([inside, spread, RNG.normal(size=count).astype(np.float32)])


def run(verb: Verb, *arrays: AnyArray, **attrs: Any) -> tuple[AnyArray, ...]:
    """The outputs of one verb on the executor; all of it must be covered by kernels."""
    recorder = Recorder()
    outputs = verb(*(recorder.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)), **attrs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for number, output in enumerate(outputs):
        recorder.output(f"y{number}", output)
    loaded = EXECUTOR.load(recorder.finish(), EXECUTOR.allocate({}))
    assert loaded.uncovered == []
    for i, a in enumerate(arrays):
        loaded.write(f"x{i}", a)
    loaded.run()
    return tuple(loaded.read(f"y{number}") for number in range(len(outputs)))


def ulps(got: AnyArray, wanted: AnyArray) -> float:
    """Largest error in units of the last place of what is wanted (float64); subnormals by the smallest unit."""
    narrow = wanted.astype(np.float32)
    whole = np.isfinite(narrow)
    assert np.array_equal(np.isnan(got), np.isnan(narrow))
    assert np.array_equal(got[~whole & ~np.isnan(got)], narrow[~whole & ~np.isnan(narrow)])
    return float(np.max(np.abs(got[whole].astype(np.float64) - wanted[whole]) / np.spacing(np.abs(narrow[whole]))))


EXACT: dict[str, tuple[Callable[[AnyArray], AnyArray], float]] = {
    "relu": (lambda x: np.maximum(x, 0), 0),
    "leaky_relu": (lambda x: np.where(x > 0, x, x * np.float64(np.float32(0.01))), 1),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 4),
    "tanh": (np.tanh, 4),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), 4),
    "softplus": (lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), 4),
    "silu": (lambda x: x / (1 + np.exp(-x)), 5),
}


@pytest.mark.parametrize("function", sorted(EXACT))
def test_activations_are_within_a_few_units(function: str) -> None:
    exact, most = EXACT[function]
    x = everywhere(-80, 3e38)  # below, sigmoid is smaller than the smallest normal number
    with np.errstate(all="ignore"):
        wanted = exact(x.astype(np.float64))
    assert ulps(run(ops.activate, x, function=function)[0], wanted) <= most


def test_exp_is_within_two_units_where_it_is_a_number_and_right_where_it_is_none() -> None:
    x = np.concatenate([everywhere(-87, 88.7), SPECIAL, np.linspace(88.6, 89.5, 1000, dtype=np.float32)])
    with np.errstate(all="ignore"):
        assert ulps(run(ops.exp, x)[0], np.exp(x.astype(np.float64))) <= 2
    small = np.linspace(-104, -87, 1000, dtype=np.float32)
    assert np.abs(run(ops.exp, small)[0] - np.exp(small.astype(np.float64))).max() <= 1.5e-45


def test_gelu_is_right_to_the_rounding_of_its_larger_part() -> None:
    x = everywhere(-50, 50)
    wanted = np.array([PLAIN["gelu"](float(v)) for v in x])
    error = np.abs(run(ops.activate, x, function="gelu")[0] - wanted)
    assert (error <= 3e-7 * np.maximum(np.abs(x), 1e-30)).all()


@pytest.mark.parametrize("function", [*EXACT, "gelu", "linear"])
def test_special_values(function: str) -> None:
    """What is not a number stays none, and no finite number becomes one that is not."""
    y = run(ops.activate, SPECIAL, function=function)[0]
    undefined = np.isneginf(SPECIAL) & (function in ("gelu", "silu"))  # -inf · 0
    assert np.array_equal(np.isnan(y), np.isnan(SPECIAL) | undefined)
    assert y[2] == (1 if function in ("sigmoid", "tanh") else np.inf)


def test_logarithms_in_losses() -> None:
    """Cross-entropy on a probability p is -log p, down to the smallest normal number."""
    for p in (1.0, 0.5, 1e-3, 0.9999999, 1.2e-38, 1e-40, 0.0):
        row = np.array([[p, 1 - p]], np.float32)
        loss = float(run(ops.cross_entropy_probabilities, row, np.zeros(1, np.int32))[0])
        wanted = -math.log(max(float(np.float32(p)), float(np.finfo(np.float32).tiny)))
        assert math.isclose(loss, wanted, rel_tol=3e-7, abs_tol=1e-9), p
