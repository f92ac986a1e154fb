"""Initialisers of parameters: seeded, each from a random stream of its own, so that new layers change no others."""

from __future__ import annotations

import math
from typing import Literal, get_args
from zlib import crc32

import numpy as np

from loom_py.errors import ConfigError
from loom_py.shapes import Array, Shape, size_of

InitializerName = Literal[
    "auto",
    "he_normal",
    "he_uniform",
    "xavier_normal",
    "xavier_uniform",
    "lecun_normal",
    "orthogonal",
    "normal",
    "zeros",
    "ones",
]
"""He: N(0, 2/fan_in) (He et al. 2015). Xavier: variance 2/(fan_in+fan_out) (Glorot & Bengio 2010). LeCun: 1/fan_in.
Orthogonal: Saxe et al. 2014. "normal" is N(0, 0.02²). "auto" is He for the ReLU family and Xavier otherwise."""

_RECTIFIERS = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"})


def choose(init: InitializerName, activation: str = "linear") -> InitializerName:
    """The initialiser, with "auto" resolved for an activation."""
    if init != "auto":
        return init
    return "he_normal" if activation in _RECTIFIERS else "xavier_uniform"


def initialise(init: InitializerName, shape: Shape, fan_in: int, fan_out: int, *, seed: int, path: str) -> Array:
    """Initial values of a parameter.

    Args:
        shape: its shape.
        fan_in: number of inputs of each output.
        fan_out: number of outputs of each input.
        seed: the network's seed.
        path: name of the parameter, such as "0.weight"; it determines the random stream.

    Raises:
        ConfigError: unknown initialiser.
    """
    if init not in get_args(InitializerName):
        raise ConfigError.expected("initialiser", expected=" or ".join(get_args(InitializerName)), got=repr(init))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(crc32(path.encode()),)))
    return _draw(rng, choose(init), shape, max(fan_in, 1), max(fan_out, 1)).astype(np.float32)


def _draw(
    rng: np.random.Generator, init: str, shape: Shape, fan_in: int, fan_out: int
) -> np.ndarray[Shape, np.dtype[np.float64]]:
    normal_std = {
        "he_normal": math.sqrt(2 / fan_in),
        "lecun_normal": math.sqrt(1 / fan_in),
        "xavier_normal": math.sqrt(2 / (fan_in + fan_out)),
        "normal": 0.02,
    }
    uniform_limit = {"he_uniform": math.sqrt(6 / fan_in), "xavier_uniform": math.sqrt(6 / (fan_in + fan_out))}
    if init in normal_std:
        return rng.normal(0, normal_std[init], shape)
    if init in uniform_limit:
        return rng.uniform(-uniform_limit[init], uniform_limit[init], shape)
    if init == "orthogonal":
        return _orthogonal(rng, shape)
    return np.full(shape, 1.0 if init == "ones" else 0.0)


def _orthogonal(rng: np.random.Generator, shape: Shape) -> np.ndarray[Shape, np.dtype[np.float64]]:
    """Rows or columns orthonormal, whichever are fewer."""
    columns = shape[-1] if shape else 1
    rows = size_of(shape) // columns
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    return (q if rows >= columns else q.T).reshape(shape)
