"""Targets against the loss and the outputs that the network can give."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from loom_py.diagnose.before.made import found
from loom_py.diagnose.before.run_data import RunData, rms
from loom_py.diagnose.finding import Finding, Severity
from loom_py.shapes import AnyArray

HUGE = 1000.0
LARGE = 30.0
TINY = 1e-3
OUT_OF_REACH = 0.01
LEAST_LOSS = 0.1


def check_targets(run: RunData) -> Iterator[Finding]:
    """Range and scale of values; outputs that a loss over classes can't use well."""
    if run.loss.classes or run.loss.yes_no:
        if run.network.logits:
            yield from _narrow_logits(run)
        return
    target = run.training.target
    yield from _out_of_reach(run, target)
    yield from _scale(target)
    if run.network.distribution and _is_one_hot(target):
        text = "Squared or absolute errors of a softmax hardly have a gradient where it is sure of a wrong class."
        yield found("loss_mismatch", "warning", text, ('loss "cross_entropy"',), outputs="softmax", loss=run.loss.name)


def _out_of_reach(run: RunData, target: AnyArray) -> Iterator[Finding]:
    """Targets outside the bounds of the last layer."""
    low, high = run.network.bounds
    outside = int(np.count_nonzero((target < low) | (target > high)))
    share = outside / target.size
    if not outside:
        return
    text = f"{outside} of {target.size} target values ({share:.1%}) are outside the outputs of the last layer, "
    text += f"{low:g} to {high:g}; the targets go from {target.min():.4g} to {target.max():.4g}."
    advice = ("a last layer without activation", "targets scaled into its range")
    yield found(
        "target_range", "error" if share > 0.5 else "warning" if share > OUT_OF_REACH else "info", text, advice,
        outside=outside, share=share, low=low, high=high, smallest=float(target.min()), largest=float(target.max()),
    )  # fmt: skip


def _scale(target: AnyArray) -> Iterator[Finding]:
    size, spread = rms(target), float(target.std(dtype=np.float64))
    if spread == 0:
        if target.size > 1:
            text = f"All target values are {target.flat[0]:.4g}: there is nothing to learn."
            yield found("target_scale", "error", text, ("a check of how the targets are read",), spread=0.0)
    elif size > LARGE:
        text = f"The targets have an RMS of {size:.3g}, about {size:.2g} times that of initial outputs: "
        text += "gradients are as much too large, and outputs have a long way to go."
        advice = (f"targets divided by {spread:.2g}, after subtracting their mean",)
        severity: Severity = "warning" if size > HUGE else "info"
        yield found("target_scale", severity, text, advice, rms=size, spread=spread, factor=size, threshold=LARGE)
    elif size < TINY:
        text = f"The targets have an RMS of {size:.3g}: initial outputs are about 1, so first all of it is unlearnt."
        advice = (f"targets divided by {spread:.2g}, after subtracting their mean",)
        yield found("target_scale", "warning", text, advice, rms=size, spread=spread, factor=size, threshold=TINY)


def _narrow_logits(run: RunData) -> Iterator[Finding]:
    """Bounds of the logits: the lowest loss that they allow."""
    low, high = run.network.bounds
    if math.isinf(low) and math.isinf(high):
        return
    least = lowest_loss(low, high, run.network.output_shape[-1] if run.loss.classes else 1)
    if least < LEAST_LOSS and high < math.inf:
        return
    text = f"The loss takes the outputs for logits, but the last layer's activation keeps them from {low:g} to {high:g}"
    text += f": the loss can't fall below {least:.3g}." if least >= LEAST_LOSS else "; units at 0 have no gradient."
    advice = ("a last layer without activation",)
    yield found("loss_mismatch", "warning", text, advice, low=low, high=high, lowest_loss=least, loss=run.loss.name)


def lowest_loss(low: float, high: float, outputs: int) -> float:
    """Lowest cross-entropy with logits between bounds: of C classes; of one yes/no output the worse of its answers."""
    if outputs > 1:
        return math.log1p((outputs - 1) * math.exp(low - high))
    return max(math.log1p(math.exp(low)) if low > -math.inf else 0.0, math.log1p(math.exp(-high)))


def _is_one_hot(target: AnyArray) -> bool:
    return bool(np.isin(target, (0, 1)).all() and (target.sum(axis=-1) == 1).all())
