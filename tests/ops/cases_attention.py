"""Calls of attention and its gradient, and the plain formula that they must give."""

from __future__ import annotations

import numpy as np

from loom_py.shapes import AnyArray
from tests.ops.case import Call, Draw, case, slope


def plain_attention(
    query: AnyArray, key: AnyArray, value: AnyArray, seen: AnyArray, temperature: float
) -> tuple[AnyArray, AnyArray]:
    """softmax(query keyᵀ/τ) value over what is `seen` (B, 1 or J, G·T, T), and each row's largest score and its sum."""
    scores = np.where(seen, np.einsum("bkrd,bktd->bkrt", query, key), -np.inf)
    some = seen.any(-1, keepdims=True)
    top = np.where(some, scores.max(-1, keepdims=True), 0)
    e = np.exp((scores - top) / temperature)
    total = np.where(some, e.sum(-1, keepdims=True), np.inf)
    return np.einsum("bkrt,bktd->bkrd", e / total, value), np.concatenate(
        [np.broadcast_to(top, total.shape), total], -1
    )


def who_sees(mask: AnyArray | None, batch: int, groups: int, length: int, causal: bool) -> AnyArray:
    """(B, 1, G·T, T): whether a row sees a key."""
    seen = np.ones((batch, 1, groups * length, length), bool)
    if causal:
        seen &= np.tile(np.tri(length, dtype=bool), (groups, 1))
    return seen if mask is None else seen & (mask != 0)[:, None, None, :]


@case("attention", "attention_gradient")
def attention(d: Draw, verb: str) -> Call:
    backward = verb != "attention"
    # A gradient is a difference: where few numbers take part, all of them may be as small as their rounding errors.
    least = 2 if backward else 1
    batch, heads, groups, width = d.integer(least, 2), d.integer(least, 2), d.integer(1, 2), d.integer(least, 4)
    length = d.integer(3 if backward else 1, 5)
    few = (batch, heads, length, width)
    attrs = {"temperature": d.choice(1.0, 2.5, 0.8), "causal": d.choice(True, False)}
    query, key, value = d.values((batch, heads, groups * length, width), 0.5), d.values(few), d.values(few)
    mask = None
    if d.choice(True, False):
        mask = np.ones((batch, length), d.choice(float, np.int32))
        mask[:, d.subset(length)[: 1 if backward else length]] = 0
    sees = who_sees(mask, batch, groups, length, attrs["causal"])
    out, row_stats = plain_attention(query, key, value, sees, attrs["temperature"])
    if not backward:
        return Call((query, key, value, mask), attrs, (out, row_stats))
    dout, given = d.values(query.shape), [query, key, value]

    def loss(x: AnyArray, place: int) -> float:
        moved = [x if place == p else a for p, a in enumerate(given)]
        return float((plain_attention(*moved, sees, attrs["temperature"])[0] * dout).sum())

    wanted = tuple(slope(lambda x, place=place: loss(x, place), a) for place, a in enumerate(given))
    return Call((dout, query, key, value, out, row_stats, mask), attrs, wanted, tolerance=1e-7)
