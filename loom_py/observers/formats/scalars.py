"""Named numbers of a record, for sinks of names and numbers; values that were not measured are left out."""

from __future__ import annotations

from loom_py.telemetry.events import LayerStats, ParameterStats, Phase, TrainingEvent, TweenStep, TweenView
from loom_py.telemetry.statistics import (
    EVENT_STATISTICS,
    LAYER_STATISTICS,
    PARAMETER_STATISTICS,
    TWEEN_STATISTICS,
    VIEW_STATISTICS,
    Statistic,
    measured,
    names,
)

_EVENT_NUMBERS = names(EVENT_STATISTICS)
_VIEW_NUMBERS = names(VIEW_STATISTICS)
_NEW_IN = {phase: tuple(s.name for s in PARAMETER_STATISTICS if s.phase == phase) for phase in ("forward", "backward")}


def seconds_name(statistic: Statistic) -> str:
    """Name of a statistic in sinks that use seconds."""
    return statistic.name.removesuffix("_ns") + "_s" if statistic.unit == "ns" else statistic.name


_LAYER_NUMBERS = {
    phase: [
        (s.name, seconds_name(s), 1e9 if s.unit == "ns" else None)
        for s in LAYER_STATISTICS
        if s.phase in ("both", phase)
    ]
    for phase in ("forward", "backward")
}


def layer_scalars(stats: LayerStats) -> list[tuple[str, float]]:
    """Named statistics of a pass, each only in the phase in which it is new; times in seconds.

    In the backward phase the output statistics are those of its gradient: names start with "output_gradient".
    """
    backward = stats.phase == "backward"
    found: list[tuple[str, float]] = []
    for field, name, divisor in _LAYER_NUMBERS[stats.phase]:
        value = getattr(stats, field)
        if measured(value):
            name = name.replace("output_", "output_gradient_") if backward else name
            found.append((name, value if divisor is None else value / divisor))
    return found


def event_scalars(event: TrainingEvent) -> list[tuple[str, float]]:
    """Named numbers of an event; a loss of NaN is one of them."""
    values = [(name, getattr(event, name)) for name in _EVENT_NUMBERS]
    return [(name, value) for name, value in values if value is not None]


def parameter_scalars(parameter: ParameterStats, phase: Phase) -> list[tuple[str, float]]:
    """Named norms of one parameter array, each only in the phase that measures it."""
    values = [(name, getattr(parameter, name)) for name in _NEW_IN[phase]]
    return [(name, value) for name, value in values if measured(value)]


def tween_scalars(step: TweenStep) -> list[tuple[str, float]]:
    """Named numbers of a step of neural tweening as a whole; flags are 0 or 1."""
    values = [(s, getattr(step, s.name)) for s in TWEEN_STATISTICS]
    return [(s.name, int(value) if s.kind == "flag" else value) for s, value in values if value is not None]


def view_scalars(view: TweenView) -> list[tuple[str, float]]:
    """Named numbers of one layer and its target."""
    return [(name, getattr(view, name)) for name in _VIEW_NUMBERS]
