"""Lowering of attention: fused in one kernel by tiles, or in blocks of rows by matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loom_py.executors.webgpu.lower.call import LOWERINGS, Call, Operand, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.shapes import Shape, size_of

OWN = 64
"""Rows of a workgroup's tile, as in kernels/attention_parts.wgsl."""
WIDEST = 128
"""Widest head whose tiles fit into workgroup memory."""
BLOCK = 1 << 22
"""Most scores of a block of rows: 16 MiB; backward takes as much again for gradients."""
FLOAT = np.dtype(np.float32)


@dataclass(frozen=True, slots=True)
class _Shape:
    """Operands and sizes of an attention."""

    call: Call
    query: Operand
    key: Operand
    value: Operand
    mask: Operand | None
    _pieces: dict[int, int] = field(default_factory=dict)

    def scratch(self, words: int) -> int:
        """Scratch memory for a matrix product; products of the same size share it from block to block."""
        if words not in self._pieces:
            self._pieces[words] = self.call.scratch(words)
        return self._pieces[words]

    @property
    def heads(self) -> int:
        """Key/value heads of the whole batch (B·J)."""
        return self.query.shape[0] * self.query.shape[1]

    @property
    def rows(self) -> int:
        """Queries of a head (G·T)."""
        return self.query.shape[2]

    @property
    def length(self) -> int:
        """Keys of a head (T)."""
        return self.key.shape[2]

    @property
    def width(self) -> int:
        """Width of a head (D)."""
        return self.query.shape[3]

    @property
    def causal(self) -> bool:
        return bool(self.call.attrs.get("causal", False))

    @property
    def inverse(self) -> float:
        """1/τ."""
        return float(1 / self.call.attrs.get("temperature", 1.0))

    @property
    def period(self) -> int:
        """Rows after which positions repeat (T); all rows unless causal."""
        return self.length if self.causal else self.rows

    @property
    def tiled(self) -> bool:
        """Whether to use the fused kernel, which has many barriers."""
        return self.width <= WIDEST and self.call.profile.exchange

    @property
    def mask_word(self) -> int:
        return 0 if self.mask is None else self.mask.word

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Sizes as the fused kernels read them."""
        return self.query.shape[1], self.rows, self.length, self.width, self.period

    @property
    def constants(self) -> dict[str, int]:
        return {"masked": int(self.mask is not None), "causal": int(self.causal)}


def _shape(call: Call, first: int, mask_place: int) -> _Shape | None:
    """The attention of a call whose queries are input `first`; None for types without kernels."""
    mask = call.given(mask_place)
    others = [o for o in (*call.outputs, *call.inputs) if o is not None and o is not mask]
    if not all(o.is_float for o in others):
        return None
    if mask is not None and (mask.dtype.kind not in "iuf" or mask.dtype.itemsize != 4):
        return None
    return _Shape(call, call.input(first), call.input(first + 1), call.input(first + 2), mask)


@lowers("attention", knows=("temperature", "causal"), floats=False)
def attention(call: Call) -> list[Dispatch] | None:
    s = _shape(call, 0, 3)
    if s is None:
        return None
    if not s.tiled:
        return list(_blocks_forward(s))
    out, row_stats = call.outputs
    finite, found = _finite(s) if s.causal else (0, [])
    blocks = -(-s.period // OWN)
    tiles = blocks * (s.rows // s.period) * s.heads
    words = (
        out.word, row_stats.word, s.query.word, s.key.word, s.value.word, s.mask_word, finite, s.inverse, *s.sizes,
        blocks, tiles,
    )  # fmt: skip
    constants = {**s.constants, "wide": int(s.width > OWN)}
    return [*found, dispatch("attention", *words, groups=spread(tiles, 1), constants=constants)]


@lowers("attention_gradient", knows=("temperature", "causal"), floats=False)
def attention_gradient(call: Call) -> list[Dispatch] | None:
    s = _shape(call, 1, 6)
    if s is None:
        return None
    if not s.tiled:
        return list(_blocks_backward(s))
    dout, out, row_stats = call.input(0), call.input(4), call.input(5)
    finite, found = _finite(s, dout, row_stats) if s.causal else (0, [])
    count = s.heads * s.rows
    dots = call.scratch(count)
    found.append(
        dispatch("attention_dots", dots, dout.word, out.word, count, s.width, groups=spread(count, 64)),
    )
    where = (
        *(o.word for o in call.outputs), dout.word, s.query.word, s.key.word, s.value.word, row_stats.word, s.mask_word,
        finite, dots, s.inverse, *s.sizes,
    )  # fmt: skip
    for keys in (False, True):
        blocks = -(-(s.length if keys else s.period) // OWN)
        tiles = blocks * s.heads * (1 if keys else s.rows // s.period)
        constants = {**s.constants, "wide": int(s.width > OWN), "keys": int(keys)}
        found.append(
            dispatch("attention_gradient", *where, blocks, tiles, groups=spread(tiles, 1), constants=constants)
        )
    return found


def _finite(s: _Shape, dout: Operand | None = None, row_stats: Operand | None = None) -> tuple[int, list[Dispatch]]:
    """Word offset of a flag for every head, 1 where all its numbers are finite, and the dispatches that set them."""
    word, few, many = s.call.scratch(s.heads), s.length * s.width, s.rows * s.width
    words = (
        word, s.heads, s.query.word, many, s.key.word, few, s.value.word, few, dout.word if dout else 0,
        many if dout else 0, row_stats.word if row_stats else 0, s.rows if row_stats else 0,
    )  # fmt: skip
    return word, [dispatch("attention_finite", *words, groups=spread(s.heads, 1))]


# Blocks of rows; whole heads where they are short. ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows `first` … `first + count` of each of `heads` heads from `head` on."""

    head: int
    heads: int
    first: int
    count: int


def _blocks(s: _Shape) -> Iterator[_Block]:
    most = BLOCK // max(s.length, 1)
    if s.rows <= most:
        heads = most // s.rows
        for head in range(0, s.heads, heads):
            yield _Block(head, min(heads, s.heads - head), 0, s.rows)
        return
    step = max(most, 1)
    for head in range(s.heads):
        for first in range(0, s.rows, step):
            yield _Block(head, 1, first, min(step, s.rows - first))


def _part(o: Operand, block: _Block, *, keys: bool = False) -> Operand:
    """A block's part (heads, rows, D) of an array with a row per query, or with `keys` per key."""
    length, width = o.shape[2:]
    first, count = (0, length) if keys else (block.first, block.count)
    return Operand(o.word + (block.head * length + first) * width, (block.heads, count, width), o.dtype)


def _lowered(s: _Shape, verb: str, out: Operand, a: Operand, b: Operand, **attrs: Any) -> list[Dispatch]:
    call = s.call
    made = LOWERINGS[verb](Call((out,), (a, b), attrs, s.scratch, call.table, call.choose, call.profile))
    assert made is not None
    return made


def _weights(s: _Shape, block: _Block, scores: Operand, changes: Operand | None, row_stats: Operand) -> Dispatch:
    count = block.heads * block.count
    along = s.call.profile.along(count, s.length)
    first = block.head * s.rows + block.first
    words = (
        scores.word, 0 if changes is None else changes.word, row_stats.word, s.mask_word, s.inverse, count, s.length,
        along, first, s.rows, s.rows * s.query.shape[1],
    )  # fmt: skip
    constants = {**s.constants, "gradient": int(changes is not None)}
    return dispatch(
        "attention_weights", *words, groups=spread(count * along, s.call.profile.workgroup), constants=constants
    )


def _scratch_operand(s: _Shape, shape: Shape) -> Operand:
    """An operand in scratch memory."""
    return Operand(s.call.scratch(size_of(shape)), shape, FLOAT)


def _score_memory(s: _Shape) -> int:
    """Words of the scores of the largest block."""
    return max(b.heads * b.count for b in _blocks(s)) * s.length


def _blocks_forward(s: _Shape) -> Iterator[Dispatch]:
    out, row_stats = s.call.outputs
    place = s.call.scratch(_score_memory(s))
    for block in _blocks(s):
        scores = Operand(place, (block.heads, block.count, s.length), FLOAT)
        yield from _lowered(
            s, "matmul", scores, _part(s.query, block), _part(s.key, block, keys=True), transpose_b=True
        )
        yield _weights(s, block, scores, None, row_stats)
        yield from _lowered(s, "matmul", _part(out, block), scores, _part(s.value, block, keys=True))


def _blocks_backward(s: _Shape) -> Iterator[Dispatch]:
    dquery, dkey, dvalue = s.call.outputs
    size = _score_memory(s)
    places = s.call.scratch(size), s.call.scratch(size)
    sum_of = _scratch_operand(s, (1, s.length, s.width)) if any(b.first for b in _blocks(s)) else None
    for block in _blocks(s):
        shape = block.heads, block.count, s.length
        scores, changes = (Operand(place, shape, FLOAT) for place in places)
        dout, query = _part(s.call.input(0), block), _part(s.query, block)
        key, value = (_part(o, block, keys=True) for o in (s.key, s.value))
        yield from _lowered(s, "matmul", scores, query, key, transpose_b=True)
        yield from _lowered(s, "matmul", changes, dout, value, transpose_b=True)
        yield _weights(s, block, scores, changes, s.call.input(5))
        yield from _lowered(s, "matmul", _part(dquery, block), changes, key)
        for gradient, weights, factor in ((dvalue, scores, dout), (dkey, changes, query)):
            target = _part(gradient, block, keys=True)
            if block.first == 0:
                yield from _lowered(s, "matmul", target, weights, factor, transpose_a=True)
                continue
            assert sum_of is not None
            yield from _lowered(s, "matmul", sum_of, weights, factor, transpose_a=True)
            yield from _lowered(s, "add", target, target, sum_of)
