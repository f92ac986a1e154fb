"""Counter-based random numbers: element i of draw n hashes (seed, stream, n, i), the same bits on every executor."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray, Shape

_GOLDEN = 0x9E3779B9


def mix(x: AnyArray) -> AnyArray:
    """A 32-bit mixing function (the constants of "lowbias32", Chris Wellons, Hash Prospector, bias 0.17)."""
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x7FEB352D)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0x846CA68B)
    return np.asarray(x ^ (x >> np.uint32(16)))


def mixed_key(seed: int, stream: int, *more: int) -> AnyArray:
    """One uint32 (1), mixed from seed, stream and further words in this order."""
    key = np.zeros(1, np.uint32)
    for word in (seed, seed >> 32, stream, *more):
        key = mix((key ^ np.uint32(word & 0xFFFFFFFF)) + np.uint32(_GOLDEN))
    return key


def random_bits(draw: int, count: int, *, seed: int, stream: int) -> AnyArray:
    """`count` uint32 words: mix(mix(i + key) + key), key mixed from seed, stream and draw."""
    key = mixed_key(seed, stream, draw)
    return mix(mix(np.arange(count, dtype=np.uint32) + key) + key)


def _mask(draw: Spec, *, shape: Shape, rate: float, seed: int, stream: int, dtype: Any = np.float32) -> Spec:
    return Spec(tuple(shape), np.dtype(dtype))


@verb(_mask, flops=8)
def dropout_mask(
    out: AnyArray, draw: AnyArray, *, shape: Shape, rate: float, seed: int, stream: int, dtype: Any = np.float32
) -> None:
    """1/(1-rate) with probability 1-rate, else 0; `draw` numbers the draw (the training step)."""
    bits = random_bits(int(draw), out.size, seed=seed, stream=stream)
    keep = bits >= np.uint32(min(round(rate * 2**32), 2**32 - 1))
    np.multiply(keep.reshape(out.shape), out.dtype.type(1 / (1 - rate)), out=out)
