"""Statistics, histograms and norms on the GPU, against exact sums; in the moments numbers below 2^-126 may be 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from loom_py import ops
from loom_py.ops import STAT_FIELDS
from loom_py.shapes import AnyArray
from tests.ops import machines, suite
from tests.ops.case import Call
from tests.ops.test_stats import FLOAT32, HARD, truth

GPU = machines.webgpu()
pytestmark = [
    pytest.mark.skipif(GPU is None, reason="no driver of a GPU"),
    pytest.mark.usefixtures("each_profile"),
]
RNG = np.random.default_rng(6)
SUBNORMAL = 2.0**-126


def found(verb: Any, *arrays: AnyArray, **attrs: Any) -> AnyArray:
    assert GPU
    return suite.executed(verb, Call(tuple(arrays), attrs), GPU[1]).outputs[0]


def measured(x: AnyArray, **attrs: Any) -> dict[str, float]:
    return dict(zip(STAT_FIELDS, map(float, found(ops.stats, x, **attrs)), strict=True))


def check(x: AnyArray) -> None:
    got, wanted = measured(x), truth(x)
    for name in ("count", "nan", "positive_inf", "negative_inf", "zeros", "min", "max", "dead_units"):
        assert got[name] == wanted[name] or (math.isnan(got[name]) and math.isnan(wanted[name])), name
    if math.isnan(wanted["norm"]):
        assert all(math.isnan(got[name]) for name in ("mean", "std", "norm"))
        return
    size = max(abs(wanted["min"]), abs(wanted["max"]))
    lost = SUBNORMAL * max(wanted["count"], 1)
    assert abs(got["mean"] - wanted["mean"]) <= FLOAT32 * size + lost
    assert abs(got["std"] - wanted["std"]) <= FLOAT32 * max(wanted["std"], FLOAT32 * size) + lost
    if wanted["norm"] <= 2 * float(np.finfo(np.float32).max):
        assert got["norm"] == pytest.approx(wanted["norm"], rel=FLOAT32, abs=lost)
    else:
        assert got["norm"] == math.inf


@settings(max_examples=60)
@given(x=hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=6, min_side=0), elements=st.floats(width=32)))
def test_any_float32(x: AnyArray) -> None:
    check(x)


@pytest.mark.parametrize("name", HARD)
def test_hard_cases(name: str) -> None:
    check(HARD[name].astype(np.float32))


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000, 16384, 16385, 20_011])
@pytest.mark.parametrize("kind", ["plain", "far", "huge", "tiny"])
def test_across_workgroups(size: int, kind: str) -> None:
    x = RNG.standard_normal(size)
    x = {"plain": x, "far": 1000 + 0.1 * x, "huge": 1e37 * x / size, "tiny": 1e-30 * (1 + 0.01 * x)}[kind]
    check(x.astype(np.float32))


def test_ranges_of_very_different_size() -> None:
    """Workgroups that see 1e30 and others that see 1e-30, NaN alone, or nothing but infinities."""
    x = np.concatenate([RNG.standard_normal(5000) * s for s in (1e-30, 1.0, 1e30, 1e-10, 1e4)]).astype(np.float32)
    check(x)
    x[:9000], x[12_000:21_000] = np.nan, np.inf
    check(x)
    check(np.repeat(np.float32([1e-30, 3.0]), 9000))


def test_std_far_from_zero() -> None:
    x = RNG.normal(1000, 0.1, 200_000).astype(np.float32)
    got = measured(x)
    assert got["std"] == pytest.approx(x.astype(np.float64).std(), rel=1e-4)
    assert got["mean"] == pytest.approx(x.astype(np.float64).mean(), rel=2e-7)


@pytest.mark.parametrize("shape", [(40, 3, 5), (300, 300), (2, 70, 300), (17_000, 1), (1, 17_000), (64, 1000)])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_dead_units(shape: tuple[int, ...], axis: int) -> None:
    x = RNG.standard_normal(shape).astype(np.float32)
    x[RNG.random(shape) < 0.5] = 0.0
    lines = np.moveaxis(x, axis, 0)
    lines[RNG.random(len(lines)) < 0.4] = -0.0
    if len(lines) > 2:
        lines[1] = np.nan  # a unit of NaN is not dead
        lines[2] = 0.0
        lines[2].reshape(-1)[-1:] = 0.0
        lines[2, ...].flat[-1] = 1e-45 if x.ndim > 1 else 0.0  # alive by a whisker
    wanted = sum(not line.any() for line in lines)
    assert measured(x, unit_axis=axis)["dead_units"] == wanted


def test_counts_beyond_what_a_float_counts() -> None:
    """2^24 + 3 values: counts are exact, one short of which float32 would stop."""
    size = 2**24 + 3
    x = np.zeros(size, np.float32)
    x[-1] = np.nan
    got = measured(x)
    assert (got["count"], got["zeros"], got["nan"]) == (size, size - 1, 1)
    assert found(ops.histogram, x)[64] == size - 1


@pytest.mark.parametrize("size", [1, 257, 16385, 50_000])
def test_histogram_of_all_bits(size: int) -> None:
    bits = RNG.integers(0, 2**32, size, dtype=np.uint64).astype(np.uint32)
    bits[::5] &= 0x807FFFFF  # subnormal numbers, and both zeros
    bits[::50] = 0x80000000
    x = bits.view(np.float32)
    np.testing.assert_array_equal(found(ops.histogram, x), ops.histogram(x))


def test_edges_of_bins() -> None:
    powers = np.float32(2.0) ** np.arange(-40, 40, dtype=np.float32)
    x = np.concatenate([f(powers) for f in (np.positive, np.negative)])
    x = np.concatenate([x, np.nextafter(x, np.float32(0))])
    np.testing.assert_array_equal(found(ops.histogram, x), ops.histogram(x))


@pytest.mark.parametrize("size", [1, 256, 257, 16385, 70_001])
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30, 3e37, 1e-12, 1e15])
def test_norms(size: int, scale: float) -> None:
    x = (RNG.standard_normal(size) * scale / (3 * size**0.5 if scale > 1e36 else 1)).astype(np.float32)
    y = (RNG.standard_normal(size) * scale / (3 * size**0.5 if scale > 1e36 else 1)).astype(np.float32)
    wide = x.astype(np.float64)
    assert float(found(ops.global_norm, x)) == pytest.approx(float(np.linalg.norm(wide)), rel=1e-6)
    apart = float(np.linalg.norm(wide - y.astype(np.float64)))
    assert float(found(ops.distance, x, y)) == pytest.approx(apart, rel=1e-6)
    assert float(found(ops.distance, x, x)) == 0


def test_norm_of_mixed_sizes() -> None:
    for parts in [(1e-20, 1.0), (1.0, 1e20), (1e-20, 1e20), (2e-15, 1e-15), (2.0**48, 2.0**47), (1e-16, 1e-15)]:
        x = np.concatenate([np.full(20_000, part, np.float32) for part in parts])
        wanted = float(np.linalg.norm(x.astype(np.float64)))
        assert float(found(ops.global_norm, x)) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("size", [3, 40_000])
def test_norms_tell_of_what_is_not_finite(size: int) -> None:
    x = np.ones(size, np.float32)
    for bad, wanted in [(np.inf, np.inf), (-np.inf, np.inf), (np.nan, np.nan)]:
        x[-1] = bad
        np.testing.assert_array_equal(found(ops.global_norm, x), np.float32(wanted))
        np.testing.assert_array_equal(found(ops.distance, np.zeros_like(x), x), np.float32(wanted))
    x[0], x[-1] = np.nan, np.inf
    assert np.isnan(found(ops.global_norm, x))
    assert found(ops.global_norm, np.full(9, 3e38, np.float32)) == np.inf
    x[0], x[-1] = 1, np.inf
    assert np.isnan(found(ops.distance, x, x))
