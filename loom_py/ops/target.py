"""Verbs of neural tweening (target-driven training)."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.ops.arithmetic import scalar_spec
from loom_py.ops.verb import Spec, same, verb
from loom_py.shapes import AnyArray


@verb(same, flops=2, reuses=(0,))
def clamp(out: AnyArray, x: AnyArray, *, low: float, high: float) -> None:
    """x clamped to `low` … `high`; non-finite values become 0."""
    bad = ~np.isfinite(x)
    np.clip(x, low, high, out=out)
    out[bad] = 0


@verb(same, reuses=(0,))
def abs(out: AnyArray, x: AnyArray) -> None:
    """|x|."""
    np.abs(x, out=out)


@verb(lambda x: scalar_spec(), flops=lambda i, o, a: i[0].size)
def count_nonfinite(out: AnyArray, x: AnyArray) -> None:
    """Number of non-finite values."""
    out[...] = x.size - np.count_nonzero(np.isfinite(x))


def _nothing(*_ins: Spec | None, **_attrs: Any) -> tuple[Spec, ...]:
    return ()


@verb(_nothing, writes=(0, 1), flops=lambda i, o, a: 4 * i[0].size)
def move(w: AnyArray, velocity: AnyArray | None, step: AnyArray, ok: AnyArray, *, momentum: float) -> None:
    """v ← μv + (1-μ)·step; w ← w + v; without velocity w ← w + step. Nothing is written when `ok` is 0."""
    if not ok:
        return
    if velocity is None:
        w += step
        return
    velocity *= w.dtype.type(momentum)
    velocity += step * w.dtype.type(1 - momentum)
    w += velocity
