"""Explanation of a refused step: it is run again, measured, over the weights that it left unchanged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from loom_py.engine.compile import StepOptions
from loom_py.engine.engine import Engine
from loom_py.engine.in_flight import StepResult
from loom_py.engine.inputs import Feed
from loom_py.telemetry.events import LayerStats


def explain(
    engine: Engine, feed: Feed, options: StepOptions, result: StepResult, rate: float
) -> tuple[str | None, str]:
    """Path of the first layer that produced NaN or infinity, and the explanation in words.

    A refused step changed nothing, so the same batch with the same weights fails in the same place again.
    """
    kept = "the weights from before this step are kept"
    if result.infinite:
        return _overflow(result.infinite, rate, kept)
    stats = [s for part in engine.probe(feed, options) for s in part]
    forward = first_bad(s for s in stats if s.phase == "forward")
    if forward is not None:
        return (
            forward.path,
            f"layer {forward.path} ({forward.layer_type}) {_produced(forward)} in the forward pass; {kept}",
        )
    if not math.isfinite(result.loss):
        return None, f"all layers' outputs are finite but the loss is {result.loss}; {kept}"
    backward = first_bad(s for s in stats if s.phase == "backward" and not _clean(s))
    if backward is not None:
        what = f"layer {backward.path} ({backward.layer_type})"
        return backward.path, f"{what}: its gradients are not finite in the backward pass; {kept}"
    return None, f"the norm of all gradients is {result.gradient_norm}; {kept}"


def _overflow(infinite: Sequence[str], rate: float, kept: str) -> tuple[str, str]:
    path, _, _ = infinite[0].rpartition(" ")[2].rpartition(".")
    cause = f"the update at learning rate {rate:g} overflows: {overflow_text(infinite)} would not be finite"
    return path, f"{cause}; {kept}; do: lower the learning rate or scale the data"


def overflow_text(infinite: Sequence[str]) -> str:
    """Names of what an update made infinite or NaN, the first few of many."""
    more = f" and {len(infinite) - 3} more" if len(infinite) > 3 else ""
    return ", ".join(infinite[:3]) + more


def first_bad(stats: Iterable[LayerStats]) -> LayerStats | None:
    """The first pass, in order of execution, with NaN, infinities or a norm that is not finite."""
    return next((s for s in stats if not _clean(s)), None)


def _clean(s: LayerStats) -> bool:
    norms = (s.gradient_norm, s.input_gradient_norm) if s.phase == "backward" else ()
    return s.nan_count == 0 and s.inf_count == 0 and all(n is None or math.isfinite(n) for n in norms)


def _produced(s: LayerStats) -> str:
    parts = [f"{s.nan_count} NaN"] * bool(s.nan_count) + [f"{s.inf_count} infinite values"] * bool(s.inf_count)
    return "produced " + " and ".join(parts)
