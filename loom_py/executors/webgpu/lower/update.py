"""Lowering of guards, clipping, optimizers and dropout; scalars such as the rate are read from the heap."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.ops.random import mixed_key

NONE = 0xFFFFFFFF
"""Word offset of a missing input."""
ONE = (1, 1, 1)


def optional(call: Call, place: int) -> int:
    """Word offset of an optional input."""
    operand = call.given(place)
    return NONE if operand is None else operand.word


def _all(call: Call) -> list[int]:
    return [optional(call, place) for place in range(len(call.inputs))]


def _numbers(attrs: Mapping[str, Any], **defaults: float) -> list[float]:
    return [float(attrs.get(name, default)) for name, default in defaults.items()]


@lowers("clip_scale", knows=("max_norm",))
def clip_scale(call: Call) -> list[Dispatch]:
    most = float(call.attrs["max_norm"])
    return [dispatch("clip_scale", call.outputs[0].word, call.word(0), most, groups=ONE)]


@lowers("clip_values", knows=("limit",))
def clip_values(call: Call) -> list[Dispatch]:
    g, limit = call.input(0), float(call.attrs["limit"])
    words = (g.size, g.word, g.word, -limit, limit)
    return [dispatch("clamp", *words, groups=spread(g.size), constants={"limits": 1})]


@lowers("lerp")
def lerp(call: Call) -> list[Dispatch] | None:
    dst, src, rate = (call.input(place) for place in range(3))
    if src.shape != dst.shape or rate.size != 1:
        return None
    return [dispatch("lerp", dst.size, dst.word, src.word, rate.word, groups=spread(dst.size))]


@lowers("accumulate")
def accumulate(call: Call) -> list[Dispatch] | None:
    total, g, keep, share = (call.input(place) for place in range(4))
    if total.shape != g.shape or keep.size != 1 or share.size != 1:
        return None
    words = (total.size, total.word, g.word, keep.word, share.word)
    return [dispatch("accumulate", *words, groups=spread(total.size))]


@lowers("restore_unless", floats=False)
def restore_unless(call: Call) -> list[Dispatch] | None:
    dst, before, ok = (call.input(place) for place in range(3))
    if dst.dtype != before.dtype or dst.shape != before.shape or dst.dtype.itemsize != 4 or not ok.is_float:
        return None
    return [dispatch("restore_unless", dst.size, dst.word, before.word, ok.word, groups=spread(dst.size))]


@lowers("sgd", knows=("momentum", "nesterov", "weight_decay"))
def sgd(call: Call) -> list[Dispatch]:
    size, nesterov = call.input(0).size, int(call.attrs.get("nesterov", False))
    numbers = _numbers(call.attrs, momentum=0.0, weight_decay=0.0)
    return [dispatch("sgd", size, *_all(call), nesterov, *numbers, groups=spread(size))]


def _logarithm(beta: float) -> float:
    """log β; for β = 0 low enough that β to any power is 0."""
    return math.log(beta) if beta > 0 else -1e4


@lowers("adam", knows=("beta1", "beta2", "eps", "weight_decay", "decoupled"))
def adam(call: Call) -> list[Dispatch]:
    size, decoupled = call.input(0).size, int(call.attrs.get("decoupled", False))
    decay, eps, beta1, beta2 = _numbers(call.attrs, weight_decay=0.0, eps=1e-8, beta1=0.9, beta2=0.999)
    numbers = decay, eps, 1 - beta1, _logarithm(beta1), beta2, 1 - beta2, _logarithm(beta2)
    return [dispatch("adam", size, *_all(call), decoupled, *numbers, groups=spread(size))]


@lowers("rmsprop", knows=("alpha", "eps", "momentum", "weight_decay"))
def rmsprop(call: Call) -> list[Dispatch]:
    size = call.input(0).size
    alpha, *numbers = _numbers(call.attrs, alpha=0.99, eps=1e-8, momentum=0.0, weight_decay=0.0)
    return [dispatch("rmsprop", size, *_all(call), alpha, 1 - alpha, *numbers, groups=spread(size))]


@lowers("lion", knows=("beta1", "beta2", "weight_decay"))
def lion(call: Call) -> list[Dispatch]:
    size = call.input(0).size
    decay, beta1, beta2 = _numbers(call.attrs, weight_decay=0.0, beta1=0.9, beta2=0.99)
    numbers = decay, beta1, 1 - beta1, beta2, 1 - beta2
    return [dispatch("lion", size, *_all(call), *numbers, groups=spread(size))]


@lowers("dropout_mask", knows=("shape", "rate", "seed", "stream", "dtype"), floats=False)
def dropout_mask(call: Call) -> list[Dispatch] | None:
    (out,), draw, rate = call.outputs, call.input(0), call.attrs["rate"]
    if not out.is_float or draw.dtype.kind not in "iu" or draw.dtype.itemsize != 4:
        return None
    key = int(mixed_key(call.attrs["seed"], call.attrs["stream"])[0])
    words = (out.size, out.word, draw.word, key, min(round(rate * 2**32), 2**32 - 1))
    value = int(np.float32(1 / (1 - rate)).view(np.uint32))
    return [dispatch("dropout_mask", *words, value, groups=spread(out.size))]
