"""Calls of statistics, norms, guards, clipping and optimizer updates; formulas written out element by element."""

from __future__ import annotations

import math

import numpy as np

from loom_py.ops.histogram import histogram_edges
from loom_py.shapes import AnyArray
from tests.ops.case import Call, Draw, case


@case("stats")
def stats(d: Draw, verb: str) -> Call:
    x = d.values(d.shape(0))
    axis = d.choice(None, *range(-x.ndim, x.ndim)) if x.ndim else None
    dead = np.nan
    if axis is not None:
        lines = np.moveaxis(x, axis, 0)
        lines[d.integer(0, len(lines) - 1)] = 0  # a view: one unit of x is dead
        dead = sum(not line.any() for line in lines)
    mean = math.fsum(x.ravel()) / x.size
    std = math.sqrt(math.fsum((v - mean) ** 2 for v in x.ravel()) / x.size)
    zeros = np.count_nonzero(x == 0)
    row = [x.size, 0, 0, 0, zeros, x.min(), x.max(), mean, std, math.hypot(*x.ravel()), dead]
    return Call((x,), {"unit_axis": axis}, (np.array(row),))


@case("histogram")
def histogram(d: Draw, verb: str) -> Call:
    x = d.values(d.shape(), d.choice(1e-12, 1.0, 1e12))
    x[x > d.choice(1.0, 1e9)] = d.choice(0.0, np.nan, np.inf, -np.inf)
    edges = histogram_edges()
    counts = np.zeros(len(edges))
    for v in x.ravel():
        if math.isfinite(v):
            holds = [v == low == 0 or 0 < low <= v < high or low < v <= high < 0 for low, high in edges]
            outermost = 0 if v < 0 else len(edges) - 1
            smallest = len(edges) // 2 + (1 if v > 0 else -1)
            counts[holds.index(True) if any(holds) else outermost if abs(v) >= 1 else smallest] += 1
    return Call((x,), {}, (counts,))


def narrow(value: float) -> AnyArray:
    """A number of the kind that norms and guards are, which have one precision everywhere."""
    return np.asarray(value, np.float32)


@case("global_norm")
def global_norm(d: Draw, verb: str) -> Call:
    x = d.values(d.shape(), d.choice(1e-6, 1.0, 1e6))
    return Call((x,), {}, (narrow(math.hypot(*x.ravel())),), tolerance=1e-6)


@case("distance")
def distance(d: Draw, verb: str) -> Call:
    scale = d.choice(1e-6, 1.0, 1e6)
    x = d.values(d.shape(), scale)
    y = d.choice(x, d.values(x.shape), x + 1e-3 * scale)
    return Call((x, y), {}, (narrow(math.hypot(*(x - y).ravel())),), tolerance=1e-6)


@case("finite_guard")
def finite_guard(d: Draw, verb: str) -> Call:
    loss, norm, buffers = (np.asarray(d.choice(0.5, 3.0, math.nan, math.inf)) for _ in range(3))
    limit = np.asarray(d.choice(-1.0, 1.0, 1e38))
    wanted = math.isfinite(loss) and norm <= limit
    if d.choice(True, False):
        return Call((loss, norm, limit), {}, (narrow(wanted),))
    return Call((loss, norm, limit, buffers), {}, (narrow(wanted and math.isfinite(buffers)),))


@case("clip_scale")
def clip_scale(d: Draw, verb: str) -> Call:
    norm, most = d.choice(0.0, 0.3, 7.0), d.choice(0.5, 2.0)
    return Call((np.asarray(norm),), {"max_norm": most}, (narrow(min(1, most / (norm + 1e-6))),), tolerance=1e-6)


@case("clip_values")
def clip_values(d: Draw, verb: str) -> Call:
    g = d.values(d.shape())
    g[d.rng.random(g.shape) < 0.1] = np.nan
    held = np.array([v if math.isnan(v) else max(-0.5, min(0.5, v)) for v in g.ravel()]).reshape(g.shape)
    return Call((g,), {"limit": 0.5}, (), {0: held})


def _common(d: Draw) -> tuple[list[AnyArray], AnyArray, AnyArray | None, AnyArray, float]:
    """Weights and gradients, then rate, scale and guard, and the factor that scale stands for."""
    shape = d.shape(1, 1)
    factor = d.choice(1.0, 0.5)
    scale = None if d.choice(True, False) else np.asarray(factor)
    ok = np.asarray(d.choice(1.0, 1.0, 0.0))
    return [d.values(shape), d.values(shape)], np.asarray(0.1), scale, ok, 1.0 if scale is None else factor


def _guarded(ok: AnyArray, inputs: tuple[AnyArray | None, ...], after: dict[int, AnyArray]) -> dict[int, AnyArray]:
    """What the written inputs hold: as they were when the guard says no."""
    return after if ok else {place: inputs[place] for place in after}  # type: ignore[misc]


@case("sgd")
def sgd(d: Draw, verb: str) -> Call:
    (w, g), rate, scale, ok, factor = _common(d)
    mu, decay = d.choice(0.0, 0.9), d.choice(0.0, 0.2)
    attrs = {"momentum": mu, "nesterov": mu > 0 and d.choice(True, False), "weight_decay": decay}
    v = d.values(w.shape) if mu else None
    step, after = factor * g + decay * w, {}
    if v is not None:
        after[2] = mu * v + step
        step = step + mu * after[2] if attrs["nesterov"] else after[2]
    inputs = (w, g, v, rate, scale, ok)
    return Call(inputs, attrs, (), _guarded(ok, inputs, after | {0: w - rate * step}))


@case("adam")
def adam(d: Draw, verb: str) -> Call:
    (w, g), rate, scale, ok, factor = _common(d)
    decay, decoupled, t = d.choice(0.0, 0.2), d.choice(True, False), d.integer(1, 9)
    m, v, g1 = d.values(w.shape), d.positive(w.shape), factor * g + (0 if decoupled else decay * w)
    m1, v1 = 0.8 * m + 0.2 * g1, 0.95 * v + 0.05 * g1**2
    shrunk = w * (1 - rate * decay) if decoupled else w
    new = shrunk - rate * (m1 / (1 - 0.8**t)) / (np.sqrt(v1 / (1 - 0.95**t)) + 1e-3)
    inputs = (w, g, m, v, rate, np.asarray(float(t)), scale, ok)
    attrs = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": decay, "decoupled": decoupled}
    return Call(inputs, attrs, (), _guarded(ok, inputs, {0: new, 2: m1, 3: v1}))


@case("rmsprop")
def rmsprop(d: Draw, verb: str) -> Call:
    (w, g), rate, scale, ok, factor = _common(d)
    mu, decay = d.choice(0.0, 0.9), d.choice(0.0, 0.2)
    square, v, g1 = d.positive(w.shape), d.values(w.shape) if mu else None, factor * g + decay * w
    square1 = 0.9 * square + 0.1 * g1**2
    step, after = g1 / (np.sqrt(square1) + 1e-3), {2: square1}
    if v is not None:
        step = after[3] = mu * v + step
    inputs = (w, g, square, v, rate, scale, ok)
    attrs = {"alpha": 0.9, "eps": 1e-3, "momentum": mu, "weight_decay": decay}
    return Call(inputs, attrs, (), _guarded(ok, inputs, after | {0: w - rate * step}))


@case("lion")
def lion(d: Draw, verb: str) -> Call:
    (w, g), rate, scale, ok, factor = _common(d)
    decay, m = d.choice(0.0, 0.2), d.values(w.shape)
    new = w * (1 - rate * decay) - rate * np.sign(0.9 * m + 0.1 * factor * g)
    inputs = (w, g, m, rate, scale, ok)
    after = _guarded(ok, inputs, {0: new, 2: 0.99 * m + 0.01 * factor * g})
    return Call(inputs, {"beta1": 0.9, "beta2": 0.99, "weight_decay": decay}, (), after)


@case("accumulate")
def accumulate(d: Draw, verb: str) -> Call:
    shape = d.shape(1, 2)
    total, g, keep, share = d.values(shape), d.values(shape), d.choice(0.0, 1.0, 0.5), d.choice(1.0, 0.25)
    wanted = keep * total + share * g
    if not keep:
        total[d.rng.random(shape) < 0.3] = np.nan  # what was there does not matter
    return Call((total, g, np.asarray(keep), np.asarray(share)), {}, (), {0: wanted})


@case("restore_unless")
def restore_unless(d: Draw, verb: str) -> Call:
    shape, ok = d.shape(1, 2), d.choice(0.0, 1.0)
    now, before = d.values(shape), d.values(shape)
    return Call((now, before, np.asarray(ok)), {}, (), {0: now if ok else before})
