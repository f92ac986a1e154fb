"""Records such as a network would deliver."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from loom_py.telemetry.events import LayerStats, TrainingEvent

BLUEPRINT = {
    "model_id": "toy",
    "layers": [
        {"path": "0", "type": "Dense", "num_params": 524_800, "activation": "relu", "children": []},
        {
            "path": "1",
            "type": "Residual",
            "num_params": 72,
            "activation": "linear",
            "children": [{"path": "1.0", "type": "Dense", "num_params": 72, "activation": "tanh", "children": []}],
        },
        {"path": "2", "type": "Dense", "num_params": 18, "activation": "linear", "children": []},
    ],
}


def stats(**changes: Any) -> LayerStats:
    """The first layer of the guide's console listing, with changes."""
    values: dict[str, Any] = {
        "layer_index": 0,
        "layer_type": "Dense",
        "row": 0,
        "col": 0,
        "layer": 0,
        "path": "0",
        "phase": "forward",
        "input_shape": (32, 1024),
        "output_shape": (32, 512),
        "output_mean": 0.0234,
        "output_std": 0.8921,
        "output_min": -2.15,
        "output_max": 4.82,
        "zero_fraction": 0.25,
        "dead_units": 0,
        "weight_norm": 15.2341,
        "bias_norm": 0.89,
        "compute_time_ns": 125_000,
        "time_ns": 1_763_000_000_000_000_000,
    }
    return LayerStats(**(values | changes))


def event(type: str = "batch_end", **changes: Any) -> TrainingEvent:
    """A training event, with changes."""
    return TrainingEvent(**({"type": type, "time_ns": 1_763_000_000_000_000_000} | changes))


def run(observer: Any, steps: int = 3, *, nan_at: int | None = None) -> None:
    """Deliver a run of two layers, forward and backward, with one event a step."""
    seq = 0
    for step in range(steps):
        bad = nan_at is not None and step >= nan_at
        now = 1_763_000_000_000_000_000 + step * 1_000_000
        for phase in ("forward", "backward"):
            for index in (0, 1) if phase == "forward" else (1, 0):
                record = stats(
                    layer_index=index,
                    layer=index,
                    path=str(index),
                    phase=phase,
                    step=step,
                    batch=step,
                    seq=seq,
                    time_ns=now,
                    output_mean=math.nan if bad else 0.125 * (step + 1),
                    nan_count=7 if bad else 0,
                )
                if phase == "backward":
                    record.gradient_norm = math.inf if bad else 0.5**step
                    observer.on_layer_backward(index, record)
                else:
                    observer.on_layer_forward(index, record)
                seq += 1
        loss = math.nan if bad else 0.5**step
        observer.on_training_event(
            event(step=step + 1, batch=step, loss=loss, learning_rate=0.1, time_ns=now + 500_000)
        )


@pytest.fixture(scope="session")
def make_stats() -> Callable[..., LayerStats]:
    return stats


@pytest.fixture(scope="session")
def make_event() -> Callable[..., TrainingEvent]:
    return event


@pytest.fixture(scope="session")
def deliver() -> Callable[..., None]:
    return run


@pytest.fixture(scope="session")
def blueprint() -> dict[str, Any]:
    return BLUEPRINT
