"""The verb that observation is made of, against exact sums in rational numbers."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from loom_py import ops
from loom_py.ops import STAT_FIELDS
from loom_py.shapes import AnyArray

Row = dict[str, float]
FLOAT32 = 2e-5


def measured(x: AnyArray, **attrs: Any) -> Row:
    return dict(zip(STAT_FIELDS, map(float, ops.stats(x, **attrs)), strict=True))


def root(square: Fraction) -> float:
    """√ of a rational that may be far outside the range of float."""
    if not square:
        return 0.0
    half = (square.numerator.bit_length() - square.denominator.bit_length()) // 2
    return math.ldexp(math.sqrt(square / Fraction(2) ** (2 * half)), half)


def truth(x: AnyArray) -> Row:
    values = [float(v) for v in x.ravel()]
    finite = [Fraction(v) for v in values if math.isfinite(v)]
    row = dict.fromkeys(STAT_FIELDS, math.nan)
    row |= {"count": x.size, "nan": sum(map(math.isnan, values)), "zeros": values.count(0.0)}
    row |= {"positive_inf": values.count(math.inf), "negative_inf": values.count(-math.inf)}
    if finite:
        mean = sum(finite) / len(finite)
        variance = sum((v - mean) ** 2 for v in finite) / len(finite)
        row |= {"min": float(min(finite)), "max": float(max(finite)), "mean": float(mean), "std": root(variance)}
        row["norm"] = root(sum(v * v for v in finite))
    return row


def check(x: AnyArray, tolerance: float) -> None:
    got, wanted = measured(x), truth(x)
    for name in ("count", "nan", "positive_inf", "negative_inf", "zeros", "min", "max", "dead_units"):
        assert got[name] == wanted[name] or (math.isnan(got[name]) and math.isnan(wanted[name])), name
    if math.isnan(wanted["norm"]):
        assert all(math.isnan(got[name]) for name in ("mean", "std", "norm"))
        return
    size = max(abs(wanted["min"]), abs(wanted["max"]))
    assert abs(got["mean"] - wanted["mean"]) <= tolerance * size
    assert abs(got["std"] - wanted["std"]) <= tolerance * max(wanted["std"], tolerance * size)
    assert got["norm"] == pytest.approx(wanted["norm"], rel=tolerance, abs=0)


def arrays(dtype: Any, **options: Any) -> st.SearchStrategy[AnyArray]:
    width = np.dtype(dtype).itemsize * 8
    return hnp.arrays(
        dtype, hnp.array_shapes(max_dims=3, max_side=6, min_side=0), elements=st.floats(width=width, **options)
    )


@given(x=arrays(np.float32))
def test_any_float32(x: AnyArray) -> None:
    check(x, FLOAT32)


@given(x=arrays(np.float64, min_value=-1e300, max_value=1e300))
def test_any_float64(x: AnyArray) -> None:
    check(x, 1e-9)


RNG = np.random.default_rng(4)
HARD = {
    "far from zero": RNG.normal(1000, 0.1, 20000),
    "farther": RNG.normal(-1e6, 3, 5000),
    "huge": RNG.normal(0, 1e37, 500),
    "largest": np.array([3.4e38, -3.4e38, 3.4e38]),
    "tiny": RNG.normal(0, 1e-30, 500),
    "tiny and far from zero": RNG.normal(1e-20, 1e-22, 500),
    "denormal": np.array([1e-45, -3e-45, 0, 7e-42]),
    "constant": np.full(999, 0.1),
    "zeros": np.zeros((3, 5)),
    "negative zero": np.array([-0.0, 0.0, 1.0]),
    "one": np.array([-2.5]),
    "scalar": np.array(3.0),
    "empty": np.zeros((0, 3)),
    "NaN alone": np.array([np.nan, np.nan]),
    "infinities alone": np.array([np.inf, -np.inf, np.inf]),
    "everything": np.array([np.nan, np.inf, -np.inf, 0.0, -1.5, 1e38, 1e-40]),
    "one infinity among many": np.append(RNG.normal(0, 1, 10000), np.inf),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_cases(name: str) -> None:
    x = HARD[name].astype(np.float32)
    before = x.copy()
    check(x, FLOAT32)
    np.testing.assert_array_equal(x, before)


def test_the_answer_does_not_depend_on_the_layout() -> None:
    x = RNG.normal(3, 1, (7, 5, 3)).astype(np.float32)
    a, b = measured(x, unit_axis=1), measured(x.transpose(2, 1, 0), unit_axis=1)
    assert a == pytest.approx(b, rel=1e-6)


@pytest.mark.parametrize(("axis", "dead"), [(0, 1), (1, 2), (-1, 2)])
def test_dead_units(axis: int, dead: int) -> None:
    x = np.array([[0, 1, 0], [0, 0, 0], [0, -2, 0]], np.float32)
    x = x if axis else np.array([[0, 1, 5], [0, 0, 0], [1, -2, 0]], np.float32)
    assert measured(x, unit_axis=axis)["dead_units"] == dead


def test_a_unit_of_nan_is_not_dead() -> None:
    x = np.array([[np.nan, 0], [np.nan, 0]], np.float32)
    assert measured(x, unit_axis=1)["dead_units"] == 1


@given(x=arrays(np.float32, allow_nan=False, allow_infinity=False))
def test_global_norm(x: AnyArray) -> None:
    wanted = np.float32(min(truth(x)["norm"], 3.4e38)) if x.size else np.float32(0)
    assert min(float(ops.global_norm(x)), 3.4e38) == pytest.approx(float(wanted), rel=1e-5, abs=2e-45)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_global_norm_tells_of_what_is_not_finite(bad: float) -> None:
    assert not np.isfinite(ops.global_norm(np.array([1.0, bad, 2.0], np.float32)))
