"""Updates on the GPU: every size, late steps of Adam, guards, scalars that are not finite, the bits of dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import ops
from loom_py.ops import VERBS
from loom_py.ops.random import random_bits
from loom_py.shapes import AnyArray
from tests.ops import machines, suite
from tests.ops.case import Call
from tests.ops.guards import guarded
from tests.ops.test_webgpu_elementwise import SIZES, exactly

GPU = machines.webgpu()
pytestmark = pytest.mark.skipif(GPU is None, reason="no driver of a GPU")
SPECIAL = np.float32([0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 3e38, -3e38, 0.25, -0.25])


def scalar(value: float) -> AnyArray:
    return np.asarray(value, np.float32)


def agree(name: str, *inputs: AnyArray | None, tolerance: float = 5e-6, **attrs: Any) -> list[AnyArray | None]:
    """Whatever the verb writes is what NumPy writes; returns the inputs as they are afterwards."""
    assert GPU
    call = Call(inputs, attrs)
    with np.errstate(all="ignore"):
        wanted = suite.eager(VERBS[name], call, np.float32)
    got = suite.executed(VERBS[name], call, GPU[1])
    for place in VERBS[name].writes:
        a, b = got.inputs[place], wanted.inputs[place]
        if a is not None and b is not None:
            assert suite.distance(a, b) <= tolerance, place
    return list(got.inputs)


def draws(size: int, count: int) -> list[AnyArray]:
    rng = np.random.default_rng(size)
    return [np.float32(rng.normal(size=size)) for _ in range(count)]


RATE, HALF, OK, REFUSED = scalar(0.01), scalar(0.5), scalar(1), scalar(0)
UPDATES: dict[str, tuple[int, Any, dict[str, Any]]] = {
    "sgd": (3, lambda a, ok: (*a, RATE, HALF, ok), {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "adam": (
        4,
        lambda a, ok: (*a[:3], np.abs(a[3]), RATE, scalar(3), None, ok),
        {"weight_decay": 0.1, "decoupled": True},
    ),
    "rmsprop": (4, lambda a, ok: (*a[:2], np.abs(a[2]), a[3], RATE, HALF, ok), {"momentum": 0.9, "weight_decay": 1}),
    "lion": (3, lambda a, ok: (*a, RATE, None, ok), {"weight_decay": 0.1}),
    "move": (3, lambda a, ok: (*a, ok), {"momentum": 0.8}),
}
"""How many arrays an update takes, its inputs of these and the guard, its attributes."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", UPDATES)
def test_updates_of_every_size(name: str, size: int) -> None:
    count, inputs, attrs = UPDATES[name]
    agree(name, *inputs(draws(size, count), OK), **attrs)


@pytest.mark.parametrize("name", UPDATES)
def test_gradients_that_are_not_finite_reach_the_weights(name: str) -> None:
    """As in NumPy, where the guard lets them through; a guard that is NaN does."""
    count, inputs, attrs = UPDATES[name]
    arrays = draws(len(SPECIAL), count)
    arrays[2 if name == "move" else 1] = SPECIAL
    for ok in (OK, scalar(np.nan)):
        agree(name, *inputs(arrays, ok), **attrs)


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("refused", [REFUSED, scalar(-0.0)])
def test_refused_updates_leave_every_bit(name: str, refused: AnyArray) -> None:
    count, inputs, attrs = UPDATES[name]
    given = inputs([SPECIAL.copy() for _ in range(count)], refused)
    after = agree(name, *given, **attrs)
    for a, b in zip(after, given, strict=True):
        assert a is None or np.array_equal(a.view(np.uint32), b.view(np.uint32))


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.99999), (0.99, 0.0), (0.5, 0.9)])
def test_adam_at_late_steps(betas: tuple[float, float]) -> None:
    """The corrections 1 - β to the t, to float32's last places, from the first step to the hundred-thousandth."""
    w, g, m, v = np.zeros(300, np.float32), *draws(300, 3)
    for t in (1, 2, 3, 7, 30, 100, 1000, 9999, 100_000):
        attrs = {"beta1": betas[0], "beta2": betas[1]}
        agree("adam", w, g, m, np.abs(v), scalar(1), scalar(t), None, OK, tolerance=1e-6, **attrs)


def test_rates_are_read_where_they_lie() -> None:
    w, g = draws(10, 2)
    for rate in (0.0, 0.5, np.nan):
        agree("sgd", w, g, None, scalar(rate), None, OK)


def test_accumulate_blend_clip_and_undo_of_every_size() -> None:
    for size in SIZES:
        a, b = draws(size, 2)
        for keep in (0.0, -0.0, 0.5):
            agree("accumulate", a, b, scalar(keep), scalar(0.25))
        agree("lerp", a, b, scalar(0.1))
        agree("clip_values", a, limit=0.5)
        for ok in (0.0, -0.0, 1.0, np.nan):
            whole = np.arange(size, dtype=np.int32)
            agree("restore_unless", a, b, scalar(ok), tolerance=0)
            agree("restore_unless", whole, whole[::-1].copy(), scalar(ok), tolerance=0)


def test_accumulate_blend_clip_and_undo_of_what_is_not_finite() -> None:
    old = np.float32(np.arange(len(SPECIAL)))
    for keep in (0.0, 1.0):
        agree("accumulate", SPECIAL, old, scalar(keep), scalar(0.5))
        agree("accumulate", old, SPECIAL, scalar(keep), scalar(0.5))
    agree("lerp", old, SPECIAL, scalar(0.5))
    agree("lerp", SPECIAL, old, scalar(0.5))
    agree("clip_values", SPECIAL, limit=0.5)
    (after, *_) = agree("restore_unless", old, SPECIAL, scalar(0))
    assert after is not None
    assert np.array_equal(after.view(np.uint32), SPECIAL.view(np.uint32))


def one(name: str, *inputs: AnyArray, **attrs: Any) -> float:
    assert GPU
    return float(guarded(GPU[1], VERBS[name], list(inputs), **attrs)[0])


def test_guards_and_clipping_of_any_number() -> None:
    for value in (*SPECIAL, 1e-3, 7.0):
        norm = scalar(value)
        for other in (scalar(1), scalar(np.nan), scalar(-np.inf)):
            for limit in (scalar(-1), scalar(5), scalar(3e38)):
                if np.signbit(norm):
                    continue
                wanted = float(np.isfinite(other) and norm <= limit)
                assert one("finite_guard", other, norm, limit) == wanted
                assert one("finite_guard", other, norm, limit, scalar(1)) == wanted
                assert one("finite_guard", scalar(1), scalar(1), limit, norm) == float(np.isfinite(norm) and limit > 0)
        if not np.signbit(norm):
            wanted = float(exactly(ops.clip_scale, norm, max_norm=0.5))
            assert one("clip_scale", norm, max_norm=0.5) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.3, 0.999])
def test_dropout_draws_the_same_bits_everywhere(rate: float) -> None:
    assert GPU
    for size, seed, stream, draw in ((1, 0, 0, 0), (257, 2**63 + 5, 2**32 - 1, 3), (70_001, 12345678901, 7, 2**31)):
        attrs = {"shape": (size,), "rate": rate, "seed": seed, "stream": stream}
        number = np.asarray(draw, np.uint32)
        (got,) = guarded(GPU[1], ops.dropout_mask, [number], **attrs)
        assert np.array_equal(got, exactly(ops.dropout_mask, number, **attrs))
        bits = random_bits(draw, size, seed=seed, stream=stream)
        assert np.array_equal(got != 0, bits >= round(rate * 2**32))
