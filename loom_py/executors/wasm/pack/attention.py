"""Packing of attention, in blocks of rows."""

from __future__ import annotations

import numpy as np

from loom_py.executors.wasm.pack.call import Call, float_word, operation, packs

ROWS = 48
"""Rows of a block: 24 to 96 are as fast; fewer skip more of the keys that causal rows don't see."""


def _words(call: Call, first: int, mask_place: int) -> list[int] | None:
    """First words of both kernels; `first` is the place of the queries."""
    query, key, mask = call.input(first), call.input(first + 1), None
    if len(call.inputs) > mask_place:
        mask = call.inputs[mask_place]
    if not all(o.is_float for o in (*call.outputs, *call.inputs) if o is not None and o is not mask):
        return None
    if mask is not None and (mask.dtype.kind not in "iuf" or mask.dtype.itemsize != 4):
        return None
    batch, heads, rows, width = query.shape
    length = key.shape[2]
    causal = bool(call.attrs.get("causal", False))
    period = length if causal else rows
    block = min(ROWS, period)
    workspace = call.workspace(np.dtype(np.float32).itemsize * (2 * block + width) * length)
    return [
        query.address, key.address, call.address(first + 2), call.address(mask_place), batch, heads, rows, length,
        width, period, block, float_word(1 / call.attrs.get("temperature", 1.0)), int(causal), call.scratch, workspace,
    ]  # fmt: skip


@packs("attention", knows=("temperature", "causal"), floats=False)
def attention(call: Call) -> list[int] | None:
    words = _words(call, 0, 3)
    return None if words is None else operation("attention", *words, *(o.address for o in call.outputs))


@packs("attention_gradient", knows=("temperature", "causal"), floats=False)
def attention_gradient(call: Call) -> list[int] | None:
    words, outputs = _words(call, 1, 6), [o.address for o in call.outputs]
    dout, row_stats = call.address(0), call.address(5)
    return None if words is None else operation("attention_gradient", *words, *outputs, dout, row_stats)
