"""Lowering of sums, means, counts and normalisation."""

from __future__ import annotations

from loom_py.executors.strides import Split, split
from loom_py.executors.webgpu.lower.call import Call, lowers
from loom_py.executors.webgpu.lower.reduction_tiling import NOT_FINITE, Tiling, columns, reduction, tiling
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.ops.verb import normal_axes
from loom_py.shapes import Shape

PARTIAL, MOMENTS, NORMALISED = range(3)
"""Stages of kernels/moments.wgsl and normalise_gradient.wgsl: partial results, results, or their application."""


def _tiling(call: Call, shape: Shape) -> Tiling | None:
    axes = split(shape, call.attrs["axes"])
    return axes and tiling(call.profile, axes, empty=0 in shape)


def _sum(name: str) -> None:
    @lowers(name, knows=("axes", "keepdims"))
    def total(call: Call) -> list[Dispatch]:
        (out,), x = call.outputs, call.input(0)
        divisor = x.size / max(out.size, 1) if name == "mean" else 1.0
        if out.size == 0:
            return []
        shared = _tiling(call, x.shape)
        if shared is not None:
            return reduction(call, out.word, x.word, shared, divisor=divisor)
        return _by_and_by(call, divisor)


_sum("sum")
_sum("mean")


def _by_and_by(call: Call, divisor: float) -> list[Dispatch]:
    """Dispatches for axes that one kernel can't cover together: one axis after the other, from the last."""
    (out,), x = call.outputs, call.input(0)
    done: list[Dispatch] = []
    shape, at = x.shape, x.word
    gone = [axis for axis in reversed(normal_axes(call.attrs["axes"], len(shape))) if shape[axis] > 1]
    for axis in gone:
        axes = split(shape, axis)
        assert axes is not None
        last = axis == gone[-1]
        shared = tiling(call.profile, axes, empty=0 in shape)
        target = out.word if last else call.scratch(shared.results)
        done += reduction(call, target, at, shared, divisor=divisor if last else 1.0)
        shape, at = (*shape[:axis], 1, *shape[axis + 1 :]), target
    return done


@lowers("count_nonfinite")
def count_nonfinite(call: Call) -> list[Dispatch]:
    (out,), x = call.outputs, call.input(0)
    flat = tiling(call.profile, Split((1, 0, 1, 0), (1, 0, x.size, 1)), empty=x.size == 0)
    return reduction(call, out.word, x.word, flat, operation=NOT_FINITE)


def _moments(
    shared: Tiling, stage: int, x: int, first: int, second: int, *, eps: float = 0.0, centre: bool = True
) -> Dispatch:
    constants = {"rows": int(shared.rows), "stage": stage, "centre": int(centre)}
    return dispatch("moments", x, first, second, eps, *shared.words, groups=shared.groups, constants=constants)


def _merged(
    call: Call, shared: Tiling, parts: int, mean: int, second: int, *, eps: float = 0.0, root: bool
) -> Dispatch:
    """Dispatch that merges partial means and squared deviations."""
    over = columns(call.profile, shared.results, shared.parts)
    words = (parts, mean, second, eps, shared.elements, shared.part, shared.parts, over.results, over.along)
    groups = spread(over.tiles, 1)
    return dispatch("moments_merge", *words, groups=groups, constants={"root": int(root)})


@lowers("moments", knows=("axes",))
def moments(call: Call) -> list[Dispatch] | None:
    (mean, variance), x = call.outputs, call.input(0)
    shared = _tiling(call, x.shape)
    if shared is None:
        return None
    if shared.parts == 1:
        return [_moments(shared, MOMENTS, x.word, mean.word, variance.word)]
    parts = call.scratch(2 * shared.parts * shared.results)
    return [
        _moments(shared, PARTIAL, x.word, parts, 0),
        _merged(call, shared, parts, mean.word, variance.word, root=False),
    ]


@lowers("normalise", knows=("axes", "eps", "centre"))
def normalise(call: Call) -> list[Dispatch] | None:
    (normal, rstd), x = call.outputs, call.input(0)
    shared, centre, eps = _tiling(call, x.shape), call.attrs.get("centre", True), float(call.attrs["eps"])
    if shared is None:
        return None
    if shared.parts == 1:
        return [_moments(shared, NORMALISED, x.word, normal.word, rstd.word, eps=eps, centre=centre)]
    parts, mean = call.scratch(2 * shared.parts * shared.results), call.scratch(shared.results)
    return [
        _moments(shared, PARTIAL, x.word, parts, 0, centre=centre),
        _merged(call, shared, parts, mean, rstd.word, eps=eps, root=True),
        _applied(shared, normal.word, x.word, 0, rstd.word, mean, gradient=False),
    ]


@lowers("normalise_gradient", knows=("axes", "centre"))
def normalise_gradient(call: Call) -> list[Dispatch] | None:
    (dx,), dnormal, normal, rstd = call.outputs, call.word(0), call.word(1), call.word(2)
    shared, centre = _tiling(call, dx.shape), call.attrs.get("centre", True)
    if shared is None:
        return None
    whole = shared.parts == 1
    target = dx.word if whole else call.scratch(2 * shared.parts * shared.results)
    constants = {"rows": int(shared.rows), "stage": NORMALISED if whole else PARTIAL, "centre": int(centre)}
    words = (target, dnormal, normal, rstd, *shared.words)
    first = dispatch("normalise_gradient", *words, groups=shared.groups, constants=constants)
    if whole:
        return [first]
    means = call.scratch(2 * shared.results)
    over = columns(call.profile, 2 * shared.results, shared.parts)
    return [
        first,
        *reduction(call, means, target, over, divisor=float(shared.elements)),
        _applied(shared, dx.word, dnormal, normal, rstd, means, gradient=True),
    ]


def _applied(shared: Tiling, out: int, x: int, normal: int, rstd: int, means: int, *, gradient: bool) -> Dispatch:
    """Dispatch of the last, elementwise step of a normalisation."""
    (k0, sk0, k1, sk1), _ = shared.split
    size = shared.results * shared.elements
    words = (size, out, x, normal, rstd, means, shared.results, k0, max(sk0, 1), k1, max(sk1, 1))
    return dispatch("normalise_apply", *words, groups=spread(size), constants={"gradient": int(gradient)})
