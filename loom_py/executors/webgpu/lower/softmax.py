"""Lowering of softmax and its sparse variants."""

from __future__ import annotations

from loom_py.executors.strides import LOOPS, merged, stretched
from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.lower.device_profile import DeviceProfile
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.shapes import Shape, size_of

SOFTMAX, ENTMAX_2, ENTMAX_1_5 = range(3)
"""Kinds, as numbered in kernels/rows_gradient.wgsl."""


def rows_of(profile: DeviceProfile, shape: Shape) -> tuple[int, int, int]:
    """Number of rows, their width, and the lanes that share a row."""
    width = shape[-1] if shape else 1
    rows = size_of(shape[:-1])
    return rows, width, profile.along(rows, width)


def _groups(profile: DeviceProfile, shape: Shape) -> tuple[int, int, int]:
    rows, _, along = rows_of(profile, shape)
    return spread(rows * along, profile.workgroup)


@lowers("softmax", knows=("temperature", "causal"), floats=False)
def softmax(call: Call) -> list[Dispatch] | None:
    (out,), x, mask = call.outputs, call.input(0), call.given(1)
    if not (out.is_float and x.is_float):
        return None
    steps: tuple[int, ...] = (0,) * len(x.shape)
    if mask is not None:
        if mask.dtype.kind not in "iuf" or mask.dtype.itemsize != 4:
            return None
        steps = stretched(mask.shape, mask.strides, x.shape)
    loops = merged(x.shape[:-1], steps[:-1])
    if loops is None or loops[0][0] != 1:
        return None
    extents, (along,) = (loops[0][LOOPS - 3 :], [loops[1][0][LOOPS - 4 :]])
    causal = call.attrs.get("causal", False)
    words = (
        out.word, x.word, 0 if mask is None else mask.word, 1 / call.attrs.get("temperature", 1.0),
        *rows_of(call.profile, x.shape), *extents, *along, steps[-1] if steps else 0,
    )  # fmt: skip
    constants = {"masked": int(mask is not None), "causal": int(causal)}
    return [dispatch("softmax", *words, groups=_groups(call.profile, x.shape), constants=constants)]


def _gradient(call: Call, kind: int) -> list[Dispatch]:
    (dx,) = call.outputs
    words = (
        dx.word,
        call.word(0),
        call.word(1),
        1 / call.attrs.get("temperature", 1.0),
        *rows_of(call.profile, dx.shape),
    )
    return [dispatch("rows_gradient", *words, groups=_groups(call.profile, dx.shape), constants={"kind": kind})]


@lowers("softmax_gradient", knows=("temperature",))
def softmax_gradient(call: Call) -> list[Dispatch]:
    return _gradient(call, SOFTMAX)


@lowers("entmax_gradient", knows=("alpha", "temperature"))
def entmax_gradient(call: Call) -> list[Dispatch] | None:
    kind = {2.0: ENTMAX_2, 1.5: ENTMAX_1_5}.get(call.attrs["alpha"])
    return None if kind is None else _gradient(call, kind)


@lowers("entmax", knows=("alpha", "temperature"))
def entmax(call: Call) -> list[Dispatch] | None:
    (out,), alpha = call.outputs, call.attrs["alpha"]
    if alpha not in (1.5, 2.0):
        return None
    words = (
        out.word,
        call.word(0),
        (alpha - 1) / call.attrs.get("temperature", 1.0),
        *rows_of(call.profile, out.shape),
    )
    return [
        dispatch("entmax", *words, groups=_groups(call.profile, out.shape), constants={"square": int(alpha == 1.5)})
    ]
