"""Attention in blocks of rows, without ever holding the whole matrix of scores, and its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray

BLOCK = 1 << 17
"""Scores of a block: 512 KiB in float32, which stay in the cache."""
LEAST_ROWS = 64
"""Fewest rows of a block, however long they are: fewer make slow matrix products."""


class _Block(NamedTuple):
    """Rows of one head that are computed together."""

    rows: slice
    keys: slice
    time: int | None
    """Position of the first row, which sees keys up to that one, the next row one more; None if all see all keys."""


def _attention(
    query: Spec, key: Spec, value: Spec, mask: Spec | None = None, *, causal: bool = False, **_attrs: Any
) -> tuple[Spec, Spec]:
    if len(query.shape) != 4 or key.shape != (*query.shape[:2], *key.shape[2:3], query.shape[3]):
        expected = "queries (B, J, G·T, D) and keys (B, J, T, D)"
        raise ShapeError.expected("attention", expected=expected, got=f"{query.shape} and {key.shape}")
    if value.shape != key.shape:
        raise ShapeError.expected("attention", expected=f"values of the keys' shape {key.shape}", got=value.shape)
    if causal and query.shape[2] % max(key.shape[2], 1):
        raise ShapeError.expected("causal attention", expected=f"G·{key.shape[2]} queries", got=query.shape[2])
    if mask is not None and mask.shape != (query.shape[0], key.shape[2]):
        raise ShapeError.expected("attention mask", expected=(query.shape[0], key.shape[2]), got=mask.shape)
    return query, Spec((*query.shape[:3], 2), query.dtype)


def _scores(ins: Any) -> int:
    return int(ins[0].size // max(ins[0].shape[3], 1) * ins[1].shape[2])


@verb(_attention, flops=lambda i, o, a: (4 * i[0].shape[3] + 5) * _scores(i))
def attention(
    out: AnyArray,
    row_stats: AnyArray,
    query: AnyArray,
    key: AnyArray,
    value: AnyArray,
    mask: AnyArray | None = None,
    *,
    temperature: float = 1.0,
    causal: bool = False,
) -> None:
    """out = softmax(query keyᵀ/τ) value (B, J, G·T, D): `matmul`, `softmax` and `matmul`, block by block.

    row_stats (B, J, G·T, 2) are each row's largest score and the sum of exp((score - largest)/τ), from which the
    gradient recomputes the weights (Dao et al. 2022, Rabe & Staats 2021). A row sees no key where `mask` (B, T) is 0
    nor, with `causal`, one after its own position. A row that sees no key is 0, its sum ∞; a row that sees a score of
    NaN or +∞ is NaN.
    """
    memory = _score_memory(query, key, causal)
    for head in np.ndindex(query.shape[:2]):
        q, k, v = query[head], key[head], value[head]
        hidden = None if mask is None else mask[head[0]] == 0
        for block in _blocks(q, k, causal, (q, k, v)):
            scores = _block_scores(memory, q, k, block, hidden)
            top = scores.max(axis=-1, keepdims=True)
            if causal or hidden is not None:
                top[top == -np.inf] = 0
            total = _exponentials(scores, top, temperature).sum(axis=-1, keepdims=True)
            total[total == 0] = np.inf
            top[np.isnan(total)] = np.nan
            row_stats[head][block.rows, :1], row_stats[head][block.rows, 1:] = top, total
            here = np.matmul(scores, v[block.keys], out=out[head][block.rows])
            here /= total


def _gradient(dout: Spec, query: Spec, key: Spec, value: Spec, *rest: Spec | None, **_attrs: Any) -> tuple[Spec, ...]:
    return query, key, value


@verb(_gradient, flops=lambda i, o, a: (10 * i[1].shape[3] + 7) * _scores(i[1:]))
def attention_gradient(
    dquery: AnyArray,
    dkey: AnyArray,
    dvalue: AnyArray,
    dout: AnyArray,
    query: AnyArray,
    key: AnyArray,
    value: AnyArray,
    out: AnyArray,
    row_stats: AnyArray,
    mask: AnyArray | None = None,
    *,
    temperature: float = 1.0,
    causal: bool = False,
) -> None:
    """Gradients of `attention` from dout (B, J, G·T, D), its inputs and its outputs.

    With the weights W = exp((query keyᵀ - largest)/τ)/sum and dW = dout valueᵀ: dvalue = Wᵀ dout, dquery = dS key and
    dkey = dSᵀ query with dS = W·(dW - Σ W·dW)/τ. The sum equals Σ dout·out, for kernels that never hold a row of W.
    """
    dkey[...] = 0
    dvalue[...] = 0
    memory, other = _score_memory(query, key, causal), _score_memory(query, key, causal)
    for head in np.ndindex(query.shape[:2]):
        q, k, v, dy = query[head], key[head], value[head], dout[head]
        hidden = None if mask is None else mask[head[0]] == 0
        for block in _blocks(q, k, causal, (q, k, v, dy, row_stats[head][..., :1])):
            here, keys = block.rows, block.keys
            weights = _exponentials(_block_scores(memory, q, k, block, hidden), row_stats[head][here, :1], temperature)
            weights /= row_stats[head][here, 1:]
            dvalue[head][keys] += weights.T @ dy[here]
            dscores = np.matmul(dy[here], v[keys].T, out=_view(other, weights.shape))
            dscores -= np.einsum("rt,rt->r", dscores, weights)[:, None]
            dscores *= weights
            dscores /= dscores.dtype.type(temperature)
            np.matmul(dscores, k[keys], out=dquery[head][here])
            dkey[head][keys] += dscores.T @ q[here]


def _block_rows(rows: int, length: int) -> int:
    return min(max(BLOCK // max(length, 1), LEAST_ROWS), rows)


def _blocks(query: AnyArray, key: AnyArray, causal: bool, known: tuple[AnyArray, ...]) -> Iterator[_Block]:
    """The blocks of a head; causal ones skip the keys that none of their rows sees.

    Not where a number is not finite: 0 times that is NaN, and results must not depend on the size of blocks.
    """
    length = key.shape[0]
    period = length if causal else query.shape[0]
    whole = causal and not all(np.isfinite(x).all() for x in known)
    step = _block_rows(period, length)
    for start in range(0, query.shape[0], max(period, 1)):
        for first in range(0, period, step):
            last = min(first + step, period)
            upto = last if causal and not whole else length
            yield _Block(slice(start + first, start + last), slice(0, upto), first if causal else None)


def _score_memory(query: AnyArray, key: AnyArray, causal: bool) -> AnyArray:
    """Memory for the scores of any block."""
    length = key.shape[2]
    return np.empty(_block_rows(length if causal else query.shape[2], length) * length, query.dtype)


def _view(memory: AnyArray, shape: tuple[int, ...]) -> AnyArray:
    return memory[: shape[0] * shape[1]].reshape(shape)


def _block_scores(memory: AnyArray, query: AnyArray, key: AnyArray, block: _Block, hidden: AnyArray | None) -> AnyArray:
    """query keyᵀ, -∞ for keys that a row does not see; `hidden` (T) is True where the mask hides a key."""
    queries, keys = query[block.rows], key[block.keys]
    scores = np.matmul(queries, keys.T, out=_view(memory, (len(queries), len(keys))))
    if block.time is not None:
        later = scores[:, block.time :]
        np.copyto(later, -np.inf, where=~np.tri(*later.shape, dtype=np.bool_))
    if hidden is not None:
        np.copyto(scores, -np.inf, where=hidden[block.keys])
    return scores


def _exponentials(scores: AnyArray, top: AnyArray, temperature: float) -> AnyArray:
    """exp((scores - top)/τ), in place."""
    scores -= top
    scores /= scores.dtype.type(temperature)
    return np.exp(scores, out=scores)
