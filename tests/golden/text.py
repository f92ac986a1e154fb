"""Two character models on a small text: what PyTorch and we both start from, by NumPy alone.

Weights and batches come from the raw words of PCG64, whose stream NumPy has promised never to change.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEXT = Path(__file__).resolve().parents[1] / "data" / "raven.txt"
STEPS, BATCH, TIME = 120, 8, 32

Layers = list[dict[str, Any]]


def characters() -> tuple[NDArray[np.int32], int]:
    """The text as ids of its characters in alphabetical order, and how many there are."""
    text = np.frombuffer(TEXT.read_bytes(), np.uint8)
    known, ids = np.unique(text, return_inverse=True)
    return ids.astype(np.int32), len(known)


def _words(name: str, count: int) -> NDArray[np.uint64]:
    raw = np.random.PCG64(zlib.crc32(name.encode())).random_raw(count)
    return np.asarray(raw, np.uint64)


def batches() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Windows of the text (steps, B, T) and the same windows one character later."""
    ids, _ = characters()
    starts = (_words("windows", STEPS * BATCH) % np.uint64(len(ids) - TIME)).astype(np.int64)
    windows = ids[starts[:, None] + np.arange(TIME + 1)].reshape(STEPS, BATCH, TIME + 1)
    return windows[..., :-1], windows[..., 1:]


def start(path: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A parameter's first value: matrices even between ±√(3/rows), biases 0, scales 1."""
    if len(shape) < 2:
        return np.full(shape, 0.0 if path.endswith("bias") else 1.0, np.float32)
    even = (_words(path, math.prod(shape)) >> np.uint64(11)) / 2.0**53  # 0 … 1
    return ((2 * even - 1) * math.sqrt(3 / shape[0])).reshape(shape).astype(np.float32)


def lstm(count: int) -> Layers:
    return [
        {"type": "Embedding", "count": count, "dim": 16},
        {"type": "LSTM", "inputs": 16, "hidden": 48},
        {"type": "Dense", "inputs": 48, "outputs": count},
    ]


def transformer(count: int) -> Layers:
    def block(feed_forward: Layers) -> Layers:
        attention = {"type": "MultiHeadAttention", "dim": 32, "heads": 4, "causal": True}
        norm = {"type": "LayerNorm", "dim": 32}
        return [{"type": "Residual", "layers": [norm, *inner]} for inner in ([attention], feed_forward)]

    dense = [
        {"type": "Dense", "inputs": 32, "outputs": 64, "activation": "gelu"},
        {"type": "Dense", "inputs": 64, "outputs": 32},
    ]
    return [
        {"type": "Embedding", "count": count, "dim": 32},
        {"type": "PositionalEmbedding", "count": TIME, "dim": 32},
        *block([{"type": "SwiGLU", "dim": 32, "hidden": 48}]),
        *block(dense),
        {"type": "LayerNorm", "dim": 32},
        {"type": "Dense", "inputs": 32, "outputs": count},
    ]


MODELS = {"lstm": lstm, "transformer": transformer}
"""Trained by Adam at 0.01, and by AdamW at 0.003 with a decay of 0.1 that spares vectors, clipped to a norm of 1."""
