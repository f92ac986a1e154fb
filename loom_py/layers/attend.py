"""softmax(Q Kᵀ/√D) V and its gradient: with all scores in memory, or fused, without them, where that pays."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from loom_py import ops

CAUSAL_LENGTH = 256
"""Positions from which causal attention is fused, which skips the half of the scores that is masked. Forward and
backward then take, of 256 positions, 0.75 times as long on WASM and 1.2 times on NumPy, of 512 0.65 and 0.85 times, of
1024 0.6 times on both, with a third to a twelfth of the memory (`npm run bench -- attention`)."""
MOST_SCORES = 1 << 22
"""Most scores (B·H·T²) that are kept in memory otherwise: 16 MiB. Fused training computes them twice, in up to 1.2
times as long; forward alone is as fast. But kept scores live from forward to backward in every layer, and a GPU
guarantees only 128 MiB in all."""


class Attended(NamedTuple):
    """Values that the gradient needs: the weights or, fused, the output and each row's largest score and sum."""

    query: Any  # (B, J, G·T, D)
    key: Any  # (B, J, T, D)
    value: Any  # (B, J, T, D)
    mask: Any  # (B, T) or None
    causal: bool
    weights: Any  # (B, J, G, T, T), or None
    out: Any  # (B, J, G·T, D), or None
    row_stats: Any  # (B, J, G·T, 2), or None


def fused(b: int, heads: int, t: int, *, causal: bool) -> bool:
    """Whether attention of these extents is fused; the same on every device."""
    return (causal and t >= CAUSAL_LENGTH) or b * heads * t * t > MOST_SCORES


def attend(query: Any, key: Any, value: Any, mask: Any, *, causal: bool) -> tuple[Any, Attended]:
    """Attention of queries (B, J, G·T, D) to keys and values (B, J, T, D), in the queries' shape.

    A position sees those that the mask (B, T) leaves visible, and if causal only itself and earlier ones.
    """
    b, k, rows, d = query.shape
    t = key.shape[2]
    if fused(b, k * rows // t, t, causal=causal):
        out, row_stats = ops.attention(query, key, value, mask, temperature=math.sqrt(d), causal=causal)
        return out, Attended(query, key, value, mask, causal, None, out, row_stats)
    shown = None if mask is None else ops.reshape(mask, shape=(b, 1, 1, 1, t))
    scores = ops.reshape(ops.matmul(query, key, transpose_b=True), shape=(b, k, rows // t, t, t))
    weights = ops.softmax(scores, shown, temperature=math.sqrt(d), causal=causal)
    out = ops.matmul(ops.reshape(weights, shape=(b, k, rows, t)), value)
    return out, Attended(query, key, value, mask, causal, weights, None, None)


def attend_gradient(saved: Attended, dout: Any) -> tuple[Any, Any, Any]:
    """Gradients of queries, keys and values, from that of the output."""
    query, key, value, mask, causal, weights, out, row_stats = saved
    temperature = math.sqrt(query.shape[3])
    if weights is None:
        found: tuple[Any, Any, Any] = ops.attention_gradient(
            dout, query, key, value, out, row_stats, mask, temperature=temperature, causal=causal
        )
        return found
    flat = (*query.shape[:3], key.shape[2])  # (B, J, G·T, T)
    dweights = ops.reshape(ops.matmul(dout, value, transpose_b=True), shape=weights.shape)
    dscores = ops.reshape(ops.softmax_gradient(dweights, weights, temperature=temperature), shape=flat)
    dquery = ops.matmul(dscores, key)
    dkey = ops.matmul(dscores, query, transpose_a=True)
    return dquery, dkey, ops.matmul(ops.reshape(weights, shape=flat), dout, transpose_a=True)
