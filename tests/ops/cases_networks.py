"""Calls of normalisation, softmax, losses, lookup, random numbers and recurrent steps."""

from __future__ import annotations

import math

import numpy as np

from loom_py.shapes import AnyArray
from tests.ops.case import Call, Draw, case, slope
from tests.ops.cases_arithmetic import sigmoid


def plain_softmax(x: AnyArray, temperature: float = 1.0) -> AnyArray:
    e = np.exp(x / temperature)
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


@case("softmax")
def softmax(d: Draw, verb: str) -> Call:
    causal = d.choice(True, False)
    x = d.values(d.shape(1, 4, 4))
    x = d.values((*x.shape, x.shape[-1])) if causal else x
    temperature = d.choice(1.0, 2.5, 0.5)
    mask, seen = None, np.ones(x.shape, bool)
    if d.choice(True, False):
        hidden_shape = tuple(d.choice(1, n) for n in x.shape[:-1])
        mask = np.asarray(d.rng.integers(0, 2, (*hidden_shape, x.shape[-1])), d.choice(float, np.int32))
        seen &= mask != 0
        x[~seen] = d.choice(0.0, 1e30, np.nan)  # what is hidden may be anything
    if causal:
        seen &= np.tril(np.ones(x.shape[-2:], bool))
    e = np.exp(np.where(seen, x, -np.inf) / temperature)
    total = e.sum(axis=-1, keepdims=True)
    y = e / np.where(total == 0, 1, total)
    return Call((x, mask), {"temperature": temperature, "causal": causal}, (y,))


@case("softmax_gradient")
def softmax_gradient(d: Draw, verb: str) -> Call:
    x, temperature = d.values(d.shape(1, 3, 4)), d.choice(1.0, 2.5, 0.5)
    dy = d.values(x.shape)
    wanted = slope(lambda v: float((plain_softmax(v, temperature) * dy).sum()), x)
    return Call((dy, plain_softmax(x, temperature)), {"temperature": temperature}, (wanted,), tolerance=1e-7)


def plain_entmax(x: AnyArray, alpha: float, temperature: float) -> AnyArray:
    """By bisection for the threshold at which each row sums to 1."""
    z = (alpha - 1) * x / temperature
    low, high = z.max(-1, keepdims=True) - 1, z.max(-1, keepdims=True)
    for _ in range(80):
        middle = (low + high) / 2
        much = (np.maximum(z - middle, 0) ** (1 / (alpha - 1))).sum(-1, keepdims=True) > 1
        low, high = np.where(much, middle, low), np.where(much, high, middle)
    return np.asarray(np.maximum(z - low, 0) ** (1 / (alpha - 1)))


@case("entmax", "entmax_gradient")
def entmax(d: Draw, verb: str) -> Call:
    x = d.values(d.shape(1, 3, 4))
    attrs = {"alpha": d.choice(1.5, 2.0), "temperature": d.choice(1.0, 2.5)}
    y = plain_entmax(x, **attrs)
    if verb == "entmax":
        return Call((x,), attrs, (y,))
    return Call((d.values(x.shape), y), attrs, (None,))  # at the edges of its support entmax has kinks


def _axes(d: Draw, x: AnyArray) -> tuple[int, ...]:
    return tuple(a - d.choice(0, x.ndim) for a in d.subset(x.ndim))


@case("normalise", "normalise_gradient")
def normalise(d: Draw, verb: str) -> Call:
    x = d.values(d.shape(1, 3, 4))
    axes, centre, eps = _axes(d, x), d.choice(True, False), 0.1

    def plain(v: AnyArray) -> tuple[AnyArray, AnyArray]:
        shifted = v - v.mean(axis=axes, keepdims=True) if centre else v
        rstd = 1 / np.sqrt((shifted**2).mean(axis=axes, keepdims=True) + eps)
        return shifted * rstd, rstd

    normal, rstd = plain(x)
    attrs = {"axes": axes, "centre": centre}
    if verb == "normalise":
        return Call((x,), attrs | {"eps": eps}, (normal, rstd))
    dy = d.values(x.shape)
    wanted = slope(lambda v: float((plain(v)[0] * dy).sum()), x)
    return Call((dy, normal, rstd), attrs, (wanted,), tolerance=1e-7)


@case("moments")
def moments(d: Draw, verb: str) -> Call:
    x = d.values(d.shape())
    axes = _axes(d, x)
    mean = x.mean(axis=axes, keepdims=True)
    return Call((x,), {"axes": axes}, (mean, (x * x).mean(axis=axes, keepdims=True) - mean * mean))


@case("inverse_root")
def inverse_root(d: Draw, verb: str) -> Call:
    x = d.positive(d.shape(0))
    return Call((x,), {"eps": 1e-3}, ((x + 1e-3) ** -0.5,))


@case("cross_entropy_logits", "cross_entropy_probabilities")
def cross_entropy(d: Draw, verb: str) -> Call:
    x = d.values(d.shape(2, 3, 4))
    classes, smoothing = x.shape[-1], d.choice(0.0, 0.2)
    x = plain_softmax(x) if verb.endswith("probabilities") else x
    weights = d.positive((classes,)) if d.choice(True, False) else None
    labels = d.choice(True, False)
    target = d.ids(x.shape[:-1], classes) if labels else plain_softmax(d.values(x.shape))
    hard = np.eye(classes)[target] if labels else target
    w = np.ones(classes) if weights is None else weights
    divisor = (hard * w).sum() if labels else x.size / classes
    t = (hard * (1 - smoothing) + smoothing / classes) * w

    def loss(v: AnyArray) -> float:
        p = v if verb.endswith("probabilities") else plain_softmax(v)
        return float(-(t * np.log(p)).sum() / divisor)

    expected = (np.asarray(loss(x)), slope(loss, x))
    return Call((x, target, weights), {"smoothing": smoothing}, expected, tolerance=1e-6)


@case("squared_error", "absolute_error", "huber_error")
def errors(d: Draw, verb: str) -> Call:
    y = d.values(d.shape(1, 3, 4))
    target = d.values(y.shape)
    attrs = {"delta": d.choice(0.5, 1.0)} if verb == "huber_error" else {}
    delta = attrs.get("delta", 1.0)
    plain = {
        "squared_error": lambda e: e * e,
        "absolute_error": abs,
        "huber_error": lambda e: e * e / 2 if abs(e) <= delta else delta * (abs(e) - delta / 2),
    }[verb]

    def loss(v: AnyArray) -> float:
        return math.fsum(plain(float(e)) for e in (v - target).ravel()) / v.size

    return Call((y, target), attrs, (np.asarray(loss(y)), slope(loss, y)), tolerance=1e-6)


@case("binary_cross_entropy_logits", "binary_cross_entropy_probabilities")
def binary(d: Draw, verb: str) -> Call:
    x = d.values(d.shape(1, 3, 4))
    x = np.vectorize(sigmoid)(x) if verb.endswith("probabilities") else x
    target = d.rng.random(x.shape)

    def loss(v: AnyArray) -> float:
        p = v if verb.endswith("probabilities") else 1 / (1 + np.exp(-v))
        return float(-(target * np.log(p) + (1 - target) * np.log(1 - p)).mean())

    return Call((x, target), {}, (np.asarray(loss(x)), slope(loss, x)), tolerance=1e-6)


@case("correct_count")
def correct_count(d: Draw, verb: str) -> Call:
    y = d.values(d.shape(2, 3))
    target = d.ids(y.shape[:-1], y.shape[-1])
    ignore = d.choice(None, -100, 0, 1)
    counted = [place for place in np.ndindex(target.shape) if target[place] != ignore]
    right = sum(y[place].argmax() == target[place] for place in counted)
    return Call((y, target), {"ignore": ignore}, (np.asarray(right, np.float32),))


@case("gather", "scatter_add")
def lookup(d: Draw, verb: str) -> Call:
    count, dim, shape = d.integer(1, 5), d.integer(1, 4), d.shape(1, 3)
    ids = d.ids(shape, count)
    if verb == "gather":
        table = d.values((count, dim))
        return Call((table, ids), {}, (np.array([table[i] for i in ids.ravel()]).reshape(*shape, dim),))
    dy, wanted = d.values((*shape, dim)), np.zeros((count, dim))
    for place in np.ndindex(*shape):
        wanted[ids[place]] += dy[place]
    return Call((dy, ids), {"count": count}, (wanted,))


@case("rotary")
def rotary(d: Draw, verb: str) -> Call:
    half = d.integer(1, 3)
    x = d.values((*d.shape(0, 2, 3), d.integer(1, 5), 2 * half))
    inverse = d.choice(True, False)
    pairs = x[..., :half] + 1j * x[..., half:]
    angles = np.arange(x.shape[-2])[:, None] / 10000.0 ** (np.arange(half) / half)
    turned = pairs * np.exp((-1j if inverse else 1j) * angles)
    return Call((x,), {"inverse": inverse}, (np.concatenate((turned.real, turned.imag), -1),))


def _mix(x: int) -> int:
    x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
    return x ^ x >> 16


@case("dropout_mask")
def dropout_mask(d: Draw, verb: str) -> Call:
    shape, rate, seed, stream = d.shape(), d.choice(0.0, 0.25, 0.9), d.integer(0, 2**40), d.integer(0, 2**32 - 1)
    draw, key = d.integer(0, 1000), 0
    for word in (seed & 0xFFFFFFFF, seed >> 32, stream, draw):
        key = _mix((key ^ word) + 0x9E3779B9 & 0xFFFFFFFF)
    bits = [_mix(_mix(i + key & 0xFFFFFFFF) + key & 0xFFFFFFFF) for i in range(math.prod(shape))]
    kept = np.array([bit >= rate * 2**32 for bit in bits], float) / (1 - rate)
    attrs = {"shape": shape, "rate": rate, "seed": seed, "stream": stream}
    return Call((np.asarray(draw, np.uint32),), attrs, (kept.reshape(shape).astype(np.float32),))


def _gates(*z: AnyArray) -> list[AnyArray]:
    return [1 / (1 + np.exp(-v)) for v in z]


@case("lstm_step", "lstm_step_gradient")
def lstm(d: Draw, verb: str) -> Call:
    batch, hidden = d.integer(1, 3), d.integer(1, 4)
    zx, zh, before = d.values((batch, 4 * hidden)), d.values((batch, 4 * hidden)), d.values((batch, hidden))

    def plain(z: AnyArray, c_prev: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:
        zi, zf, zg, zo = np.split(z, 4, -1)
        (i, f, o), g = _gates(zi, zf, zo), np.tanh(zg)
        c = f * c_prev + i * g
        return o * np.tanh(c), c, np.concatenate((i, f, g, o), -1)

    h, c, gates = plain(zx + zh, before)
    if verb == "lstm_step":
        return Call((zx, zh, before), {}, (h, c, gates))
    dy, dr, dc = (d.values((batch, hidden)) for _ in range(3))

    def total(z: AnyArray, c_prev: AnyArray) -> float:
        h, c, _ = plain(z, c_prev)
        return float(((dy + dr) * h).sum() + (dc * c).sum())

    expected = slope(lambda v: total(v, before), zx + zh), slope(lambda v: total(zx + zh, v), before)
    return Call((dy, dr, dc, gates, before, c), {}, expected, tolerance=1e-7)


@case("gru_step", "gru_step_gradient")
def gru(d: Draw, verb: str) -> Call:
    batch, hidden = d.integer(1, 3), d.integer(1, 4)
    zx, zh, before = d.values((batch, 3 * hidden)), d.values((batch, 3 * hidden)), d.values((batch, hidden))

    def plain(zx: AnyArray, zh: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray]:
        (xr, xz, xn), (hr, hz, hn) = np.split(zx, 3, -1), np.split(zh, 3, -1)
        r, z = _gates(xr + hr, xz + hz)
        return r, z, np.tanh(xn + r * hn), hn

    r, z, n, hn = plain(zx, zh)
    gates = np.concatenate((r, z, n, hn), -1)
    if verb == "gru_step":
        return Call((zx, zh, before), {}, ((1 - z) * n + z * before, gates))
    dy, dr, straight = (d.values((batch, hidden)) for _ in range(3))
    dh = dy + dr + straight

    def total(zx: AnyArray, zh: AnyArray) -> float:
        _, z, n, _ = plain(zx, zh)
        return float((dh * ((1 - z) * n + z * before)).sum())

    expected = slope(lambda v: total(v, zh), zx), slope(lambda v: total(zx, v), zh), dh * z
    return Call((dy, dr, straight, gates, before), {}, expected, tolerance=1e-7)
