"""The numbers in a record under names, for sinks that know only named numbers; what was not measured is left out."""

from __future__ import annotations

from loom_py.telemetry.events import LayerStats, ParameterStats, Phase, TrainingEvent, TweenStep, TweenView, measured

OUTPUT_STATISTICS = ("output_min", "output_max", "output_mean", "output_std", "zero_fraction")
NORMS = ("weight_norm", "bias_norm", "gradient_norm", "input_gradient_norm", "update_ratio")
COUNTS = ("nan_count", "inf_count", "dead_units")
EVENT_NUMBERS = ("loss", "accuracy", "learning_rate", "gradient_norm", "samples_per_second", "eta_s")
_PARAMETER_NUMBERS = {"forward": ("weight_norm",), "backward": ("gradient_norm", "update_ratio")}
TWEEN_NUMBERS = ("loss", "accuracy", "rate_factor")
VIEW_NUMBERS = ("link_budget", "gap", "depth_barrier", "bad_values")


def layer_scalars(stats: LayerStats) -> list[tuple[str, float]]:
    """Named statistics of a pass, counts and compute time (seconds) included.

    In the backward phase the output is the gradient that reaches it, so its names begin with "output_gradient".
    """
    values = [(name, getattr(stats, name)) for name in (*OUTPUT_STATISTICS, *NORMS, *COUNTS)]
    if stats.compute_time_ns is not None:
        values.append(("compute_time_s", stats.compute_time_ns / 1e9))
    backward = stats.phase == "backward"
    return [
        (name.replace("output_", "output_gradient_") if backward else name, value)
        for name, value in values
        if measured(value)
    ]


def event_scalars(event: TrainingEvent) -> list[tuple[str, float]]:
    """Named numbers of an event; a loss of NaN is one of them."""
    values = [(name, getattr(event, name)) for name in EVENT_NUMBERS]
    return [(name, value) for name, value in values if value is not None]


def parameter_scalars(parameter: ParameterStats, phase: Phase) -> list[tuple[str, float]]:
    """Named norms of one parameter array, each in the phase in which it is new."""
    values = [(name, getattr(parameter, name)) for name in _PARAMETER_NUMBERS[phase]]
    return [(name, value) for name, value in values if measured(value)]


def tween_scalars(step: TweenStep) -> list[tuple[str, float]]:
    """Named numbers of a step of neural tweening as a whole."""
    values = [(name, getattr(step, name)) for name in TWEEN_NUMBERS]
    flags = [("exploding", int(step.exploding)), ("updated", int(step.updated))]
    return [(name, value) for name, value in [*values, *flags] if value is not None]


def view_scalars(view: TweenView) -> list[tuple[str, float]]:
    """Named numbers of how one layer stands to its target."""
    return [(name, getattr(view, name)) for name in VIEW_NUMBERS]
