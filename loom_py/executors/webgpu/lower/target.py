"""Lowering of the verbs of neural tweening."""

from __future__ import annotations

import numpy as np

from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.lower.update import optional
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread

LARGEST = float(np.finfo(np.float32).max)


@lowers("clamp", knows=("low", "high"))
def clamp(call: Call) -> list[Dispatch]:
    (out,) = call.outputs
    # WGSL has no dependable infinity; only finite numbers are clamped, so the largest ones serve as no bound.
    low, high = (max(-LARGEST, min(LARGEST, float(call.attrs[name]))) for name in ("low", "high"))
    words = (out.size, out.word, call.word(0), low, high)
    return [dispatch("clamp", *words, groups=spread(out.size), constants={"limits": 0})]


@lowers("move", knows=("momentum",))
def move(call: Call) -> list[Dispatch]:
    size, momentum = call.input(0).size, float(call.attrs["momentum"])
    words = (size, call.word(0), optional(call, 1), call.word(2), call.word(3), momentum, 1 - momentum)
    return [dispatch("move", *words, groups=spread(size))]
