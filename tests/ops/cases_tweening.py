"""Calls of the verbs of neural tweening; formulas written out element by element."""

from __future__ import annotations

import math

import numpy as np

from loom_py.shapes import AnyArray
from tests.ops.case import Call, Draw, case


def _with_bad(d: Draw, scale: float = 1.0) -> AnyArray:
    x = d.values(d.shape(0), scale)
    bad = d.rng.random(x.shape) < 0.2
    x[bad] = d.rng.choice([math.nan, math.inf, -math.inf], x.shape)[bad]
    return x


@case("clamp")
def clamp(d: Draw, verb: str) -> Call:
    x, low, high = _with_bad(d, 3.0), d.choice(-1.5, 0.05, -math.inf), d.choice(0.95, 2.0, math.inf)
    held = [max(low, min(high, v)) if math.isfinite(v) else 0.0 for v in x.ravel()]
    return Call((x,), {"low": low, "high": high}, (np.array(held).reshape(x.shape),))


@case("abs")
def abs(d: Draw, verb: str) -> Call:
    x = d.values(d.shape(0))
    return Call((x,), {}, (np.array([math.fabs(v) for v in x.ravel()]).reshape(x.shape),))


@case("count_nonfinite")
def count_nonfinite(d: Draw, verb: str) -> Call:
    x = _with_bad(d)
    return Call((x,), {}, (np.asarray(sum(not math.isfinite(v) for v in x.ravel()), np.float32),))


@case("move")
def move(d: Draw, verb: str) -> Call:
    shape, ok, kept = d.shape(1, 3), d.choice(1.0, 1.0, 0.0), d.choice(True, False)
    w, step = d.values(shape), d.values(shape)
    velocity = d.values(shape) if kept else None
    after = {0: w + step} if velocity is None else {1: 0.8 * velocity + 0.2 * step}
    if velocity is not None:
        after[0] = w + after[1]
    inputs = (w, velocity, step, np.asarray(ok))
    if not ok:
        after = {place: inputs[place] for place in after}  # type: ignore[misc]
    return Call(inputs, {"momentum": 0.8}, (), after)
