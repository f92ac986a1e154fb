"""Loss heads on the GPU: across workgroups, every kind of target, numbers that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import ops
from loom_py.ops import Verb
from loom_py.shapes import AnyArray, Shape
from tests.ops import machines, suite
from tests.ops.guards import guarded

GPU = machines.webgpu()
pytestmark = [
    pytest.mark.skipif(GPU is None, reason="no driver of a GPU"),
    pytest.mark.usefixtures("each_profile"),
]
RNG = np.random.default_rng(8)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Every test draws the same, whichever ran before."""
    RNG.bit_generator.state = START


def values(shape: Shape, scale: float = 1.0) -> AnyArray:
    return np.asarray(RNG.standard_normal(shape) * scale, np.float32)


def found(verb: Verb, *arrays: AnyArray | None, **attrs: Any) -> tuple[AnyArray, ...]:
    assert GPU
    return guarded(GPU[1], verb, list(arrays), **attrs)


def close(got: AnyArray, wanted: AnyArray, tolerance: float) -> None:
    """Relative to the largest, however small that is: gradients are divided by the number of samples."""
    largest = np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0)
    assert suite.distance(got, wanted, float(largest) or 1.0) <= tolerance


def compare(verb: Verb, *arrays: AnyArray | None, tolerance: float = 3e-6, narrow: bool = False, **attrs: Any) -> None:
    """Against NumPy: in float64, or in float32 where it matters (`narrow`) or some numbers are not finite."""
    plain = not narrow and all(np.isfinite(a).all() for a in arrays if a is not None)
    precise = [a.astype(np.float64) if plain and a is not None and a.dtype.kind == "f" else a for a in arrays]
    with np.errstate(all="ignore"):
        wanted = verb(*precise, **attrs)
    for got, right in zip(
        found(verb, *arrays, **attrs), wanted if isinstance(wanted, tuple) else [wanted], strict=True
    ):
        close(got, right, tolerance)


HEADS = {
    ops.squared_error: {}, ops.absolute_error: {}, ops.huber_error: {"delta": 0.7},
    ops.binary_cross_entropy_logits: {}, ops.binary_cross_entropy_probabilities: {},
}  # fmt: skip
heads = pytest.mark.parametrize(("verb", "attrs"), HEADS.items(), ids=lambda v: getattr(v, "name", ""))


@heads
@pytest.mark.parametrize("shape", [(1,), (255,), (257, 1), (8192,), (8193,), (100, 7, 103)])
def test_heads(verb: Verb, attrs: dict[str, Any], shape: Shape) -> None:
    if verb is ops.binary_cross_entropy_probabilities:
        compare(verb, RNG.random(shape, np.float32), RNG.random(shape, np.float32), **attrs)
    else:
        compare(verb, values(shape, 3), RNG.random(shape, np.float32), **attrs)


@heads
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_heads_of_what_is_no_number(verb: Verb, attrs: dict[str, Any], bad: float) -> None:
    x, t = np.full(300, 0.25, np.float32), np.full(300, 0.5, np.float32)
    x[299] = bad
    compare(verb, x, t, **attrs)
    compare(verb, t, x, **attrs)


def test_edges_of_binary_cross_entropy() -> None:
    p = np.float32([0, 1, 1e-45, 1e-38, 1 - 2**-24, 0.5, 1e-7, -0.1, 1.1])
    for target in (0.0, 1.0, 0.5):
        compare(ops.binary_cross_entropy_probabilities, p[:7], np.full(7, target, np.float32))
    for outside in p[7:]:
        loss, _ = found(ops.binary_cross_entropy_probabilities, np.float32([outside, 0.5]), np.float32([1, 1]))
        assert np.isnan(loss)
    x = np.float32([0, -0.0, 1e-30, 50, -50, 200, -200, 1e38, -1e38])
    for t in (0.0, 1.0, 0.3):
        compare(ops.binary_cross_entropy_logits, x, np.full(9, t, np.float32))


def test_small_losses_keep_their_digits() -> None:
    """log is taken of numbers very close to 1."""
    x = np.float32([[12, 0], [9, -5], [16, 0.5]])
    labels = np.zeros(3, np.int32)
    wanted = float(np.mean(np.log1p(np.exp(x[:, 1].astype(np.float64) - x[:, 0]))))
    assert float(found(ops.cross_entropy_logits, x, labels)[0]) == pytest.approx(wanted, rel=0.02)
    p = np.float32([1 - 1e-6, 1 - 1e-4])
    compare(ops.binary_cross_entropy_probabilities, p, np.ones(2, np.float32))
    compare(ops.cross_entropy_probabilities, p[:, None], np.zeros(2, np.int32))


def test_errors_whose_squares_add_up_beyond_float32() -> None:
    x = np.zeros(1000, np.float32)
    x[3:7] = 2e19
    compare(ops.squared_error, x, np.zeros_like(x))


SHAPES = [(1, 1), (1, 10), (128, 10), (3, 5, 7), (1000, 10), (70, 257), (5, 3000), (2, 30_011), (70_001, 2)]
ENTROPIES = pytest.mark.parametrize(
    "verb", [ops.cross_entropy_logits, ops.cross_entropy_probabilities], ids=lambda v: v.name
)


def outputs_of(verb: Verb, shape: Shape) -> AnyArray:
    x = values(shape, 3)
    return np.asarray(ops.softmax(x)) if verb is ops.cross_entropy_probabilities else x


@ENTROPIES
@pytest.mark.parametrize("shape", SHAPES)
def test_labels(verb: Verb, shape: Shape) -> None:
    x, labels = outputs_of(verb, shape), RNG.integers(0, shape[-1], shape[:-1]).astype(np.int32)
    compare(verb, x, labels)
    compare(verb, x, labels, RNG.random(shape[-1], np.float32) + 0.1, smoothing=0.1)
    labels.flat[:: 3 if labels.size > 1 else 2] = -100
    compare(verb, x, labels, ignore=-100)
    compare(verb, x, labels, ignore=-100, smoothing=0.2)


@ENTROPIES
@pytest.mark.parametrize("shape", SHAPES)
def test_shares(verb: Verb, shape: Shape) -> None:
    x, shares = outputs_of(verb, shape), np.asarray(ops.softmax(values(shape)))
    compare(verb, x, shares)
    compare(verb, x, shares, RNG.random(shape[-1], np.float32) + 0.1, smoothing=0.1)


@ENTROPIES
def test_an_ignored_label_may_be_a_class_and_all_may_be_ignored(verb: Verb) -> None:
    x, labels = outputs_of(verb, (20, 4)), (np.arange(20) % 4).astype(np.int32)
    weights = np.float32([1, 2, 3, 4])
    compare(verb, x, labels, weights, ignore=2, smoothing=0.1)
    labels[:] = 2
    compare(verb, x, labels, ignore=2)
    compare(verb, x, labels, weights, ignore=2)  # 0/0


@ENTROPIES
@pytest.mark.parametrize("label", [-1, 4, 2**31 - 1])
def test_a_label_that_is_no_class(verb: Verb, label: int) -> None:
    """NumPy refuses some and counts -1 from the end; on a device no number is better than a wrong one."""
    labels = np.int32([0, label, 1])
    for attrs in ({}, {"ignore": -100}):
        assert np.isnan(found(verb, outputs_of(verb, (3, 4)), labels, **attrs)[0])
    assert np.isnan(found(verb, outputs_of(verb, (3, 4)), labels, np.ones(4, np.float32))[0])


def test_hard_rows_of_logits() -> None:
    for bad in (np.nan, np.inf, -np.inf):
        x = values((300, 10))
        x[7, 3] = bad
        for label in (3, 4):
            labels = np.full(300, label, np.int32)
            compare(ops.cross_entropy_logits, x, labels)
            labels[7] = -1
            compare(ops.cross_entropy_logits, x, labels, ignore=-1)
    x[7] = -np.inf
    compare(ops.cross_entropy_logits, x, np.zeros(300, np.int32))
    x[7] = [3e38, -3e38] * 5
    compare(ops.cross_entropy_logits, x, np.zeros(300, np.int32))


def test_hard_probabilities() -> None:
    for bad in (0.0, 1e-45, -0.5, np.nan, np.inf):
        p = outputs_of(ops.cross_entropy_probabilities, (300, 10))
        p[7, 3] = bad
        for label in (3, 4):
            labels = np.full(300, label, np.int32)
            compare(ops.cross_entropy_probabilities, p, labels, narrow=True)


def test_a_target_with_nan() -> None:
    shares = np.asarray(ops.softmax(values((30, 5))))
    shares[3, 2] = np.nan
    for verb in (ops.cross_entropy_logits, ops.cross_entropy_probabilities):
        compare(verb, outputs_of(verb, (30, 5)), shares)


@pytest.mark.parametrize("shape", SHAPES)
def test_correct_count(shape: Shape) -> None:
    x, labels = values(shape), RNG.integers(0, shape[-1], shape[:-1]).astype(np.int32)
    labels.flat[::2] = x.argmax(axis=-1).flat[::2]
    labels.flat[::5] = -100
    x.reshape(-1, shape[-1])[::7, -1] = np.nan
    compare(ops.correct_count, x, labels, tolerance=0, ignore=-100)
    shares = values(shape)
    shares.reshape(-1, shape[-1])[1::2] = x.reshape(-1, shape[-1])[1::2]
    compare(ops.correct_count, x, shares, tolerance=0)


def test_of_equals_the_first_is_the_largest() -> None:
    x = np.float32([[0, -0.0, 0], [-0.0, 0, 0], [1, 3, 3], [-np.inf] * 3, [np.inf, 5, np.inf], [-3, -2, -2]])
    compare(ops.correct_count, x, np.int32([0, 0, 1, 0, 0, 1]), tolerance=0)
    wide = np.zeros((3, 2000), np.float32)
    compare(ops.correct_count, wide, np.zeros(3, np.int32), tolerance=0)


def test_nothing_to_lose() -> None:
    none = np.zeros((0, 3), np.float32)
    assert np.isnan(found(ops.squared_error, none, none)[0])
    assert found(ops.cross_entropy_logits, none, np.zeros(0, np.int32))[0] == 0
    assert found(ops.correct_count, none, np.zeros(0, np.int32))[0] == 0
