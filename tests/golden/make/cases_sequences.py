"""Cases of the recurrent layers, of attention, and of layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import LayerCase


def recurrent() -> Iterator[LayerCase]:
    for kind in ("RNN", "LSTM", "GRU"):
        layer: dict[str, Any] = {"type": kind, "inputs": 3, "hidden": 5}
        yield LayerCase(name="sequence", layer=layer, shape=(2, 7, 3))
        yield LayerCase(name="last_state", layer=layer | {"return_sequences": False}, shape=(3, 5, 3))
        yield LayerCase(name="batch_1_one_step", layer=layer, shape=(1, 1, 3))
        yield LayerCase(name="one_unit", layer=layer | {"hidden": 1}, shape=(2, 4, 3))
        yield LayerCase(name="long_batch_1", layer=layer, shape=(1, 33, 3))
        yield LayerCase(name="fresh", layer=layer, shape=(2, 3, 3), weights="fresh")


def attention() -> Iterator[LayerCase]:
    plain: dict[str, Any] = {"type": "MultiHeadAttention", "dim": 12, "heads": 3}
    grouped = {"type": "MultiHeadAttention", "dim": 24, "heads": 4, "kv_heads": 2}
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "causal": {"causal": True},
        "rotary": {"rotary": True},
        "causal_rotary": {"causal": True, "rotary": True},
        "no_bias": {"bias": False},
    }
    for name, option in options.items():
        yield LayerCase(name=name, layer=plain | option, shape=(2, 5, 12))
        yield LayerCase(name=f"grouped_{name}", layer=grouped | option, shape=(2, 3, 24))
    yield LayerCase(name="batch_1", layer=plain | {"causal": True}, shape=(1, 7, 12))
    yield LayerCase(name="one_position", layer=plain | {"causal": True, "rotary": True}, shape=(2, 1, 12))
    yield LayerCase(name="one_head", layer=plain | {"heads": 1}, shape=(2, 5, 12))
    yield LayerCase(name="one_kv_head", layer=plain | {"kv_heads": 1, "rotary": True, "causal": True}, shape=(2, 5, 12))
    mask = np.arange(5) < np.array([[5], [3], [1]])  # padded at the end
    gap = np.array([[False, True, True, False, True]])
    yield LayerCase(name="padding", layer=plain, shape=(3, 5, 12), mask=mask)
    yield LayerCase(name="padding_gaps_batch_1", layer=plain, shape=(1, 5, 12), mask=gap)
    both = grouped | {"causal": True, "rotary": True}
    yield LayerCase(name="padding_causal_grouped_rotary", layer=both, shape=(3, 5, 24), mask=mask)
    yield from long_attention()


def long_attention() -> Iterator[LayerCase]:
    """Lengths at which the matrix of scores is not kept."""
    narrow: dict[str, Any] = {"type": "MultiHeadAttention", "dim": 8, "heads": 2, "causal": True}
    yield LayerCase(name="long_causal_batch_1", layer=narrow, shape=(1, 257, 8))
    padded = np.arange(256) < np.array([[256], [130]])
    every = narrow | {"heads": 4, "kv_heads": 2, "rotary": True}
    yield LayerCase(name="long_padding_causal_grouped_rotary", layer=every, shape=(2, 256, 8), mask=padded)
    wide = {"type": "MultiHeadAttention", "dim": 8, "heads": 8, "kv_heads": 4}
    yield LayerCase(name="longer_grouped_batch_1", layer=wide, shape=(1, 725, 8))


def _dense(inputs: int, outputs: int, activation: str = "linear") -> dict[str, Any]:
    return {"type": "Dense", "inputs": inputs, "outputs": outputs, "activation": activation}


def combinators() -> Iterator[LayerCase]:
    chain = [_dense(5, 7, "relu"), _dense(7, 5)]
    sequential, residual = {"type": "Sequential", "layers": chain}, {"type": "Residual", "layers": chain}
    yield LayerCase(name="two_dense", layer=sequential, shape=(3, 5))
    yield LayerCase(name="batch_1", layer=sequential, shape=(1, 5))
    yield LayerCase(name="two_dense", layer=residual, shape=(3, 5))
    yield LayerCase(name="batch_1", layer=residual, shape=(1, 5))
    branches = [_dense(5, 5, "tanh"), residual, _dense(5, 5, "silu")]
    for combine in ("concat", "add", "mean", "gated"):
        layer = {"type": "Parallel", "branches": branches, "combine": combine}
        if combine == "gated":
            layer["gate_inputs"] = 5
        yield LayerCase(name=combine, layer=layer, shape=(3, 5))
        yield LayerCase(name=f"{combine}_over_time_batch_1", layer=layer, shape=(1, 3, 5))
    layer = {"type": "Parallel", "branches": [_dense(5, 2), _dense(5, 6, "relu")], "combine": "concat"}
    yield LayerCase(name="concat_uneven", layer=layer, shape=(3, 5))


def nests() -> Iterator[LayerCase]:
    attention = {"type": "MultiHeadAttention", "dim": 6, "heads": 2, "causal": True}
    block = [
        {"type": "Residual", "layers": [{"type": "LayerNorm", "dim": 6}, attention]},
        {"type": "Residual", "layers": [{"type": "RMSNorm", "dim": 6}, {"type": "SwiGLU", "dim": 6, "hidden": 5}]},
    ]
    yield LayerCase(name="transformer_block", layer={"type": "Sequential", "layers": block}, shape=(2, 5, 6))
    inner = {"type": "Parallel", "branches": [_dense(3, 3, "tanh"), _dense(3, 3)], "combine": "mean"}
    for _ in range(3):
        inner = {"type": "Residual", "layers": [inner, _dense(3, 3, "gelu")]}
    outer = {"type": "Parallel", "branches": [inner, {"type": "Sequential", "layers": [_dense(3, 4, "elu")]}]}
    yield LayerCase(name="four_deep", layer=outer, shape=(3, 3))
    conv = {"type": "Conv2D", "in_channels": 1, "out_channels": 2, "kernel_size": 3, "activation": "relu"}
    layers = [conv, {"type": "MaxPool2D", "size": 2}, {"type": "Flatten"}, _dense(8, 3), {"type": "Softmax"}]
    yield LayerCase(name="small_cnn", layer={"type": "Sequential", "layers": layers}, shape=(2, 1, 6, 6))
    layers = [
        {"type": "Embedding", "count": 7, "dim": 3},
        {"type": "LSTM", "inputs": 3, "hidden": 4, "return_sequences": False},
        _dense(4, 7),
    ]
    yield LayerCase(name="character_lstm", layer={"type": "Sequential", "layers": layers}, shape=(2, 5), ids=7)


def cases() -> Iterator[LayerCase]:
    for group in (recurrent, attention, combinators, nests):
        yield from group()
