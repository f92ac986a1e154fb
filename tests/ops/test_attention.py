"""Attention against the three verbs that it stands for: sizes that fill no block, numbers that are not finite."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from loom_py import ops
from loom_py.errors import ShapeError
from loom_py.executors.base import Executor
from loom_py.executors.numpy import NumpyExecutor
from loom_py.executors.webgpu import WebGPUExecutor
from loom_py.executors.webgpu.lower import attention as lowering
from loom_py.executors.webgpu.lower.call import without_barriers
from loom_py.executors.webgpu.lower.device_profile import SOFTWARE_GPU
from loom_py.executors.webgpu.native import native_host
from loom_py.ops import VERBS
from loom_py.shapes import AnyArray
from tests.ops import machines, suite
from tests.ops.case import Call
from tests.ops.guards import guarded

EXECUTORS: dict[str, Executor] = {"numpy": NumpyExecutor(), "wasm": machines.wasm()[1]}
if _gpu := machines.webgpu():
    EXECUTORS["webgpu"] = _gpu[1]
if _gpu and sys.platform != "emscripten":  # the profile of a software renderer; in a page that is the one above
    EXECUTORS["webgpu, by blocks"] = WebGPUExecutor(native_host(), lambda *_: without_barriers, SOFTWARE_GPU)
EVERY = pytest.mark.parametrize("name", EXECUTORS)
TOLERANCE = 3e-5


@dataclass(frozen=True)
class Problem:
    """An attention: inputs, gradient of the output, attributes."""

    query: AnyArray
    key: AnyArray
    value: AnyArray
    dout: AnyArray
    mask: AnyArray | None
    causal: bool
    temperature: float

    @property
    def attrs(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "causal": self.causal}


def problem(
    length: int,
    width: int,
    *,
    batch: int = 1,
    heads: int = 1,
    groups: int = 1,
    causal: bool = False,
    masked: bool = False,
) -> Problem:
    rng = np.random.default_rng(length * 1000 + width)
    many, few = (batch, heads, groups * length, width), (batch, heads, length, width)
    query, key, value, dout = (rng.standard_normal(s).astype(np.float32) for s in (many, few, few, many))
    mask = None
    if masked:
        mask = (np.arange(length) < np.maximum(1, length * 2 // 3 - np.arange(batch)[:, None])).astype(np.float32)
        mask[-1, 0] = 0  # a causal first row sees nothing
    return Problem(query, key, value, dout, mask, causal, math.sqrt(width))


def three_verbs(p: Problem, dtype: Any) -> list[AnyArray]:
    """The output, and the gradients, by matmul, softmax and matmul."""
    query, key, value, dout = (a.astype(dtype) for a in (p.query, p.key, p.value, p.dout))
    batch, heads, rows, _ = query.shape
    length = key.shape[2]
    mask = None if p.mask is None else p.mask[:, None, None, None, :].astype(dtype)
    with np.errstate(all="ignore"):
        scores = ops.matmul(query, key, transpose_b=True).reshape(batch, heads, rows // length, length, length)
        weights = ops.softmax(scores, mask, **p.attrs)
        flat = weights.reshape(batch, heads, rows, length)
        dweights = ops.matmul(dout, value, transpose_b=True).reshape(weights.shape)
        dscores = ops.softmax_gradient(dweights, weights, temperature=p.temperature).reshape(flat.shape)
        return [
            ops.matmul(flat, value),
            ops.matmul(dscores, key),
            ops.matmul(dscores, query, transpose_a=True),
            ops.matmul(flat, dout, transpose_a=True),
        ]


def fused(executor: Executor, p: Problem) -> list[AnyArray]:
    """The same by attention and its gradient, nothing written beside their outputs."""
    out, row_stats = guarded(executor, VERBS["attention"], [p.query, p.key, p.value, p.mask], **p.attrs)
    inputs = [p.dout, p.query, p.key, p.value, out, row_stats, p.mask]
    return [out, *guarded(executor, VERBS["attention_gradient"], inputs, **p.attrs)]


def compare(name: str, p: Problem, tolerance: float = TOLERANCE, dtype: Any = np.float64) -> None:
    found = fused(EXECUTORS[name], p)
    largest = max(np.abs(w[np.isfinite(w)]).max(initial=1e-3) for w in three_verbs(p, dtype))
    for title, got, wanted in zip(("out", "dquery", "dkey", "dvalue"), found, three_verbs(p, dtype), strict=True):
        assert suite.distance(got, wanted, largest) <= tolerance, title


@EVERY
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("length", [1, 2, 17, 31, 33, 64, 65, 130])
def test_lengths_that_fill_no_block(name: str, length: int, masked: bool, causal: bool) -> None:
    compare(name, problem(length, 12, batch=2, heads=2, causal=causal, masked=masked))


@EVERY
@pytest.mark.parametrize("width", [1, 3, 16, 31, 63, 64, 65, 100, 128, 131])
def test_widths(name: str, width: int) -> None:
    compare(name, problem(37, width, causal=True))


@EVERY
@pytest.mark.parametrize("causal", [False, True])
def test_groups_of_queries(name: str, causal: bool) -> None:
    compare(name, problem(67, 8, batch=2, heads=2, groups=3, causal=causal, masked=True))


@EVERY
@pytest.mark.parametrize("causal", [False, True])
def test_rows_in_many_blocks(name: str, causal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks smaller than a head, as long contexts have them."""
    monkeypatch.setattr(import_module("loom_py.ops.attention"), "BLOCK", 1)
    monkeypatch.setattr(lowering, "BLOCK", 40 * 150)
    compare(name, problem(150, 8, heads=2, groups=2, causal=causal))


@EVERY
def test_whole_heads_in_several_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowering, "BLOCK", 2 * 20 * 20)
    compare(name, problem(20, 8, batch=3, heads=3, masked=True))


@EVERY
def test_huge_scores(name: str) -> None:
    """Products up to ±1e4 that are exact in float32: each row then sees its largest alone."""
    p = problem(65, 4, causal=True)
    query, key = (np.round(a * 25) for a in (p.query, p.key))
    huge = Problem(query, key, p.value, p.dout, None, True, 1.0)
    assert np.abs(query @ key.swapaxes(-1, -2)).max() > 5000
    compare(name, huge)


NOT_FINITE = (np.nan, np.inf, -np.inf)


@EVERY
@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("where", ["query", "key", "value", "dout"])
def test_what_is_not_finite_comes_out_where_the_three_verbs_have_it(
    name: str, where: str, causal: bool, value: float
) -> None:
    p = problem(70, 8, heads=2, causal=causal)
    getattr(p, where)[0, 0, 40, 3] = value
    for got, wanted in zip(fused(EXECUTORS[name], p), three_verbs(p, np.float32), strict=True):
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(wanted))
        good = np.isfinite(wanted)
        np.testing.assert_allclose(got[good], wanted[good], atol=1e-4)


@EVERY
def test_nan_in_a_query_stays_in_its_row(name: str) -> None:
    p = problem(70, 8)
    p.query[0, 0, 40, 3] = np.nan
    out = fused(EXECUTORS[name], p)[0]
    assert np.isnan(out[0, 0, 40]).all()
    assert np.isfinite(np.delete(out, 40, axis=2)).all()


@EVERY
@pytest.mark.parametrize("causal", [False, True])
def test_rows_that_see_nothing_are_zero(name: str, causal: bool) -> None:
    p = problem(20, 8, batch=2, causal=causal)
    mask = np.ones((2, 20), np.int32)
    mask[1] = 0
    hidden = Problem(p.query, p.key, p.value, p.dout, mask, causal, p.temperature)
    found = fused(EXECUTORS[name], hidden)
    assert all((x[1] == 0).all() for x in found)
    assert all(x[0].any() for x in found)


@pytest.mark.parametrize("length", [17, 65])
def test_gradient_in_float64(length: int) -> None:
    """Along a random direction, of blocks as of the whole."""
    p = problem(length, 5, batch=2, heads=2, groups=2, causal=True, masked=True)
    given = [a.astype(np.float64) for a in (p.query, p.key, p.value)]
    out, row_stats = ops.attention(*given, p.mask, **p.attrs)
    gradients = ops.attention_gradient(p.dout.astype(np.float64), *given, out, row_stats, p.mask, **p.attrs)
    rng = np.random.default_rng(1)
    for place, gradient in enumerate(gradients):
        direction = rng.standard_normal(gradient.shape)
        ends = []
        for step in (1e-5, -1e-5):
            moved = [a + step * direction if n == place else a for n, a in enumerate(given)]
            ends.append(float((ops.attention(*moved, p.mask, **p.attrs)[0] * p.dout).sum()))
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(float((gradient * direction).sum()), rel=1e-7)


WRONG: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...] | None]] = {
    "three axes": ((2, 3, 4), (2, 3, 4), (2, 3, 4), None),
    "other width": ((1, 2, 3, 4), (1, 2, 3, 5), (1, 2, 3, 5), None),
    "other values": ((1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 2, 4), None),
    "causal rows that are no groups": ((1, 2, 4, 4), (1, 2, 3, 4), (1, 2, 3, 4), None),
    "other mask": ((2, 2, 3, 4), (2, 2, 3, 4), (2, 2, 3, 4), (1, 3)),
}


@pytest.mark.parametrize("title", WRONG)
def test_shapes_that_do_not_fit_are_refused(title: str) -> None:
    *arrays, mask = (None if s is None else np.zeros(s) for s in WRONG[title])
    with pytest.raises(ShapeError, match=r"expected .*got"):
        ops.attention(*arrays, mask, causal=True)


def test_work_counts_what_is_reckoned() -> None:
    p = problem(64, 16)
    whole = Call((p.query, p.key, p.value))
    specs = suite.specs_of(whole.arrays(np.float32))
    verb = VERBS["attention"]
    assert verb.flops(specs, verb.output_specs(specs, {}), {}) == 64 * 64 * (4 * 16 + 5)
