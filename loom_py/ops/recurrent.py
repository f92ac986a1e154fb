"""The elementwise part of a recurrent layer's time step, gates and states; its products are `matmul`s."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray


def _fitting(name: str, gates: int, state: Spec, *wide: Spec) -> None:
    wanted = (*state.shape[:-1], gates * state.shape[-1])
    if any(w.shape != wanted for w in wide):
        raise ShapeError.expected(name, expected=f"gates of shape {wanted}", got=[w.shape for w in wide])


def _lstm(zx: Spec, zh: Spec, c_prev: Spec) -> tuple[Spec, Spec, Spec]:
    _fitting("lstm_step", 4, c_prev, zx, zh)
    return c_prev, c_prev, zx


@lru_cache(maxsize=64)
def _squash(hidden: int, dtype: Any) -> tuple[AnyArray, AnyArray]:
    """Factor and shift to compute all gates by tanh: σ(x) = tanh(x/2)/2 + 1/2 for i, f, o; tanh for g."""
    factor = np.full(4 * hidden, 0.5, dtype)
    factor[2 * hidden : 3 * hidden] = 1
    return factor, 1 - factor


@verb(_lstm, flops=6)
def lstm_step(h: AnyArray, c: AnyArray, gates: AnyArray, zx: AnyArray, zh: AnyArray, c_prev: AnyArray) -> None:
    """gates i,f,g,o = σ,σ,tanh,σ of zx + zh (B,4H); c = f·c_prev + i·g; h = o·tanh(c) (B,H).

    Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000.
    """
    n = c_prev.shape[-1]
    factor, shift = _squash(n, gates.dtype)
    np.add(zx, zh, out=gates)
    gates *= factor
    np.tanh(gates, out=gates)
    gates *= factor
    gates += shift
    i, f, g, o = (gates[..., k * n : (k + 1) * n] for k in range(4))
    np.multiply(f, c_prev, out=c)
    np.multiply(i, g, out=h)
    c += h
    np.tanh(c, out=h)
    h *= o


def _lstm_back(dy: Spec, dr: Spec, dc: Spec, gates: Spec, c_prev: Spec, c: Spec) -> tuple[Spec, Spec]:
    _fitting("lstm_step_gradient", 4, c, gates)
    return gates, c_prev


@verb(_lstm_back, flops=8)
def lstm_step_gradient(
    dz: AnyArray,
    dc_prev: AnyArray,
    dy: AnyArray,
    dr: AnyArray,
    dc: AnyArray,
    gates: AnyArray,
    c_prev: AnyArray,
    c: AnyArray,
) -> None:
    """Gradients of zx + zh and of c_prev, from those of h (`dy` from above, `dr` from the next step) and of c."""
    n = c.shape[-1]
    i, f, g, o = (gates[..., k * n : (k + 1) * n] for k in range(4))
    di, df, dg, do = (dz[..., k * n : (k + 1) * n] for k in range(4))
    dh, squashed = dy + dr, np.tanh(c)
    total = dc + dh * o * (1 - squashed * squashed)
    np.multiply(total, f, out=dc_prev)
    np.multiply(total * g, i * (1 - i), out=di)
    np.multiply(total * c_prev, f * (1 - f), out=df)
    np.multiply(total * i, 1 - g * g, out=dg)
    np.multiply(dh * squashed, o * (1 - o), out=do)


def _gru(zx: Spec, zh: Spec, h_prev: Spec) -> tuple[Spec, Spec]:
    _fitting("gru_step", 3, h_prev, zx, zh)
    return h_prev, Spec((*h_prev.shape[:-1], 4 * h_prev.shape[-1]), h_prev.dtype)


@verb(_gru, flops=6)
def gru_step(h: AnyArray, gates: AnyArray, zx: AnyArray, zh: AnyArray, h_prev: AnyArray) -> None:
    """r,z = σ(zx + zh); n = tanh(zx_n + r·zh_n); h = n + z·(h_prev - n); gates are r,z,n and zh_n (B,4H).

    Cho et al. 2014, the reset gate applied after the product, as in PyTorch and cuDNN.
    """
    n = h_prev.shape[-1]
    rz, new, kept = gates[..., : 2 * n], gates[..., 2 * n : 3 * n], gates[..., 3 * n :]
    np.add(zx[..., : 2 * n], zh[..., : 2 * n], out=rz)
    rz *= 0.5
    np.tanh(rz, out=rz)
    rz *= 0.5
    rz += 0.5
    np.copyto(kept, zh[..., 2 * n :])
    np.multiply(rz[..., :n], kept, out=new)
    new += zx[..., 2 * n :]
    np.tanh(new, out=new)
    np.subtract(h_prev, new, out=h)
    h *= rz[..., n:]
    h += new


def _gru_back(dy: Spec, dr: Spec, straight: Spec, gates: Spec, h_prev: Spec) -> tuple[Spec, Spec, Spec]:
    _fitting("gru_step_gradient", 4, h_prev, gates)
    wide = Spec((*h_prev.shape[:-1], 3 * h_prev.shape[-1]), h_prev.dtype)
    return wide, wide, h_prev


@verb(_gru_back, flops=5)
def gru_step_gradient(
    dzx: AnyArray,
    dzh: AnyArray,
    dh_prev: AnyArray,
    dy: AnyArray,
    dr: AnyArray,
    straight: AnyArray,
    gates: AnyArray,
    h_prev: AnyArray,
) -> None:
    """Gradients of zx, zh, and h_prev without its part through the product; that of h is `dy` + `dr` + `straight`.

    `dy` comes from above, `dr` through the next step's product, `straight` directly from the next step.
    """
    n = h_prev.shape[-1]
    r, z, new, kept = (gates[..., k * n : (k + 1) * n] for k in range(4))
    dh = dy + dr
    dh += straight
    np.multiply(dh, z, out=dh_prev)
    dn = (dh - dh_prev) * (1 - new * new)
    np.multiply(dn * kept, r * (1 - r), out=dzx[..., :n])
    np.multiply(dh * (h_prev - new), z * (1 - z), out=dzx[..., n : 2 * n])
    np.copyto(dzx[..., 2 * n :], dn)
    np.copyto(dzh, dzx)
    dzh[..., 2 * n :] *= r
