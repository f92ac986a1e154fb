"""The gradient check: a layer's backward pass against differences of its forward pass, by random projection.

For a random R the loss is Σ R·y. Along a random direction v of the input or of a parameter, its slope by backward is
⟨gradient, v⟩ and by central differences (loss(θ + hv) - loss(θ - hv)) / 2h; in float64 they agree to h² and rounding/h.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from loom_py.engine.layout import walk
from loom_py.layers import Layer, Run
from loom_py.shapes import AnyArray

STEP = 1e-5
DIRECTIONS = 3
TOLERANCE = 1e-6

Arrays = dict[str, AnyArray]


def draw_parameters(layer: Layer, rng: np.random.Generator) -> Arrays:
    """Values for every array of a layer and its children, none of them special: scales around 1, the rest around 0."""
    arrays: Arrays = {}
    for path, inner in walk([("0", layer)]):
        for p in inner.parameters():
            around = 1.0 if p.init == "ones" else 0.0
            arrays[f"{path}.{p.name}"] = around + 0.3 * rng.uniform(-1, 1, p.shape)
    return arrays


def forward(
    layer: Layer, arrays: Mapping[str, AnyArray], x: AnyArray, training: bool, mask: AnyArray | None = None
) -> tuple[AnyArray, object, Run]:
    """Output, cache and run on copies of the arrays, since training may renew buffers in place."""
    run = Run(
        {name: value.copy() for name, value in arrays.items()}, training, np.zeros((), np.uint32), seed=7, mask=mask
    )
    y, cache = run.forward("0", layer, x)
    return y, cache, run


def gradient_errors(
    layer: Layer, x: AnyArray, *, training: bool = True, seed: int = 0, mask: AnyArray | None = None
) -> dict[str, float]:
    """Largest relative error of the slopes along random directions, for the input and each trained parameter."""
    rng = np.random.default_rng(seed)
    arrays = draw_parameters(layer, rng)
    y, cache, run = forward(layer, arrays, x, training, mask)
    projection = rng.standard_normal(y.shape)
    dx = run.backward("0", layer, cache, projection)

    def loss(changed: Mapping[str, AnyArray]) -> float:
        moved = {name: value for name, value in changed.items() if name != "input"}
        y, _, _ = forward(layer, {**arrays, **moved}, changed.get("input", x), training, mask)
        return float((y * projection).sum())

    points = {name: (arrays[name], gradient) for name, gradient in run.gradients.items()}
    if x.dtype.kind == "f":
        assert dx is not None, f"{type(layer).__name__}.backward: expected an input gradient, got None"
        points["input"] = (x, dx)
    floor = 1e-3 * float(np.linalg.norm(projection))
    errors = {}
    for name, (at, gradient) in points.items():
        assert gradient.shape == at.shape, f"{name}: expected a gradient of shape {at.shape}, got {gradient.shape}"
        worst = 0.0
        for _ in range(DIRECTIONS):
            v = rng.standard_normal(at.shape)
            v /= np.linalg.norm(v)
            numeric = (loss({name: at + STEP * v}) - loss({name: at - STEP * v})) / (2 * STEP)
            analytic = float((gradient * v).sum())
            error = abs(numeric - analytic) / max(abs(numeric), abs(analytic), floor)
            worst = max(worst, error if np.isfinite(error) else np.inf)
        errors[name] = worst
    return errors
