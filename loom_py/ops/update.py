"""Updates of parameters: norm of all gradients, guard, clipping, and a verb for each optimizer.

Updates work in place on the flat array of all parameters, or a contiguous group of it. `rate` is the learning rate,
`scale` the factor of gradient clipping, `ok` the guard: if it is 0 nothing is written, so that a step with a non-finite
loss or gradient leaves parameters and optimizer state unchanged.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from loom_py.errors import ShapeError
from loom_py.ops.arithmetic import scalar_spec, sum_of_squares
from loom_py.ops.verb import Spec, verb
from loom_py.shapes import AnyArray


def _nothing(*_ins: Spec | None, **_attrs: Any) -> tuple[Spec, ...]:
    """Shape rule of verbs that only write in place."""
    return ()


def _equal(x: Spec, y: Spec) -> Spec:
    if x.shape != y.shape:
        raise ShapeError.expected("distance", expected=x.shape, got=y.shape)
    return scalar_spec()


def _per_parameter(cost: int) -> Any:
    return lambda ins, outs, attrs: cost * ins[0].size


@verb(lambda g: scalar_spec(), flops=lambda i, o, a: 2 * i[0].size)
def global_norm(out: AnyArray, g: AnyArray) -> None:
    """‖g‖₂; non-finite if g is. Scaled by the largest absolute value where squares would overflow or underflow."""
    total = sum_of_squares(g)
    if not 1e-30 < total < 1e37:
        largest = float(np.max(np.abs(g))) if g.size else 0.0
        if largest and np.isfinite(largest):
            out[...] = np.sqrt(sum_of_squares(g / g.dtype.type(largest))) * largest
        else:
            out[...] = largest
        return
    out[...] = np.sqrt(total)


@verb(_equal, flops=lambda i, o, a: 3 * i[0].size)
def distance(out: AnyArray, x: AnyArray, y: AnyArray) -> None:
    """‖x - y‖₂ of two arrays of one shape; non-finite if one of them is."""
    global_norm.meaning(out, x - y)


@verb(lambda loss, norm, limit, buffers=None: scalar_spec(), flops=3)
def finite_guard(
    out: AnyArray, loss: AnyArray, norm: AnyArray, limit: AnyArray, buffers: AnyArray | None = None
) -> None:
    """1 if the loss and the norm of all buffers are finite and the norm of all gradients is at most `limit`, else 0."""
    finite = math.isfinite(loss) and (buffers is None or math.isfinite(buffers))
    out[...] = float(finite and float(norm) <= float(limit))


@verb(lambda norm, *, max_norm: scalar_spec(), flops=2)
def clip_scale(out: AnyArray, norm: AnyArray, *, max_norm: float) -> None:
    """min(1, max_norm / (norm + 1e-6)) (Pascanu et al. 2013)."""
    out[...] = min(1.0, max_norm / (float(norm) + 1e-6))


@verb(_nothing, writes=(0,), flops=_per_parameter(1))
def clip_values(g: AnyArray, *, limit: float) -> None:
    """g ← g clamped to -limit … limit, in place; NaN stays."""
    np.clip(g, -limit, limit, out=g)


@verb(_nothing, writes=(0,), flops=_per_parameter(3))
def accumulate(total: AnyArray, g: AnyArray, keep: AnyArray, share: AnyArray) -> None:
    """total ← keep·total + share·g, in place; with `keep` 0, `total` may hold anything before."""
    if keep:
        total *= keep
        total += share * g
    else:
        np.multiply(g, share, out=total)


@verb(_nothing, writes=(0,), flops=0)
def restore_unless(dst: AnyArray, before: AnyArray, ok: AnyArray) -> None:
    """dst ← before unless ok, in place: a refused step leaves buffers unchanged."""
    if not ok:
        np.copyto(dst, before)


def _scaled(g: AnyArray, scale: AnyArray | None) -> AnyArray:
    return g if scale is None or scale == 1 else g * scale


@verb(_nothing, writes=(0, 2), flops=_per_parameter(6))
def sgd(
    w: AnyArray,
    g: AnyArray,
    velocity: AnyArray | None,
    rate: AnyArray,
    scale: AnyArray | None,
    ok: AnyArray,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """v ← μv + g + λw; w ← w - η·v (Nesterov: w - η(g + λw + μv)); Sutskever et al. 2013 in PyTorch's form."""
    if not ok:
        return
    step = _scaled(g, scale)
    if weight_decay:
        step = step + w * w.dtype.type(weight_decay)
    if velocity is not None:
        velocity *= momentum
        velocity += step
        step = step + velocity * velocity.dtype.type(momentum) if nesterov else velocity
    w -= step * rate


@verb(_nothing, writes=(0, 2, 3), flops=_per_parameter(14))
def adam(
    w: AnyArray,
    g: AnyArray,
    m: AnyArray,
    v: AnyArray,
    rate: AnyArray,
    count: AnyArray,
    scale: AnyArray | None,
    ok: AnyArray,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    """Adam (Kingma & Ba 2015); `decoupled` decay is AdamW (Loshchilov & Hutter 2019). `count`: updates from 1."""
    if not ok:
        return
    f = w.dtype.type
    g = _scaled(g, scale)
    if weight_decay and decoupled:
        w *= f(1 - float(rate) * weight_decay)
    elif weight_decay:
        g = g + w * f(weight_decay)
    t = float(count)
    m += f(1 - beta1) * (g - m)
    v *= f(beta2)
    v += f(1 - beta2) * np.square(g)
    root = np.sqrt(v)
    root *= f(1 / np.sqrt(1 - beta2**t))
    root += f(eps)
    np.divide(m, root, out=root)
    root *= f(float(rate) / (1 - beta1**t))
    w -= root


@verb(_nothing, writes=(0, 2, 3), flops=_per_parameter(9))
def rmsprop(
    w: AnyArray,
    g: AnyArray,
    square: AnyArray,
    velocity: AnyArray | None,
    rate: AnyArray,
    scale: AnyArray | None,
    ok: AnyArray,
    *,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> None:
    """s ← αs + (1-α)g²; w ← w - η·g/(√s + ε) (Tieleman & Hinton 2012), with optional momentum on the step."""
    if not ok:
        return
    f = w.dtype.type
    g = _scaled(g, scale)
    if weight_decay:
        g = g + w * f(weight_decay)
    square *= f(alpha)
    square += f(1 - alpha) * np.square(g)
    step = g / (np.sqrt(square) + f(eps))
    if velocity is not None:
        velocity *= momentum
        velocity += step
        step = velocity
    w -= step * rate


@verb(_nothing, writes=(0, 2), flops=_per_parameter(8))
def lion(
    w: AnyArray,
    g: AnyArray,
    m: AnyArray,
    rate: AnyArray,
    scale: AnyArray | None,
    ok: AnyArray,
    *,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
) -> None:
    """w ← (1-ηλ)w - η·sign(β₁m + (1-β₁)g); m ← β₂m + (1-β₂)g (Chen et al. 2023)."""
    if not ok:
        return
    f = w.dtype.type
    g = _scaled(g, scale)
    if weight_decay:
        w *= f(1 - float(rate) * weight_decay)
    w -= np.sign(m * f(beta1) + g * f(1 - beta1)) * rate
    m *= f(beta2)
    m += g * f(1 - beta2)
