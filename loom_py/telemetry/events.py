"""Records that observers receive: statistics of one layer in one pass, training events, views of neural tweening.

Absent is never 0, but the norm of a layer's weights is 0 if it has none. A statistic (float) of a layer that was not
measured is `NOT_MEASURED`, a NaN: comparisons with it are false, so `record.gradient_norm > 100` is safe on a forward
record too. Counts and the numbers of training events are `None` when absent, because a loss of NaN means that the batch
diverged. Records share no memory with the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from loom_py.introspect.markers import discriminated_by
from loom_py.telemetry.statistics import (
    TWEEN_STATISTICS,
    VIEW_STATISTICS,
    doc_of,
    event_statistic,
    layer_statistic,
    parameter_statistic,
)

Phase = Literal["forward", "backward"]
EventType = Literal[
    "train_start",
    "epoch_start",
    "batch_start",
    "batch_end",
    "validation",
    "epoch_end",
    "train_end",
    "anomaly",
]


@dataclass(slots=True, kw_only=True)
class ParameterStats:
    """One parameter array of a layer in one pass."""

    weight_norm: float = parameter_statistic("weight_norm")
    gradient_norm: float = parameter_statistic("gradient_norm")
    update_ratio: float = parameter_statistic("update_ratio")


@discriminated_by("phase")
@dataclass(slots=True, kw_only=True)
class LayerStats:
    """Statistics of one layer in one forward or backward pass.

    Output statistics are over the finite values; NaN and infinities are counted apart. In the backward phase the
    output is the gradient that reaches the layer's output (dL/dy).
    """

    layer_index: int
    """Position of the top-level layer in reading order (rows, columns, slots)."""
    layer_type: str
    """Class name of the layer, such as "Dense"."""
    row: int
    """Row of the layer's cell in the grid."""
    col: int
    """Column of the layer's cell in the grid."""
    layer: int
    """Slot inside the cell."""
    path: str
    """Address of the layer, nested ones too: "3" or "3.branches.1"."""
    phase: Phase
    """The pass that was measured."""
    step: int = 0
    """Training steps completed when the pass began."""
    epoch: int = 0
    """Epoch of the training run, from 0."""
    batch: int = 0
    """Batch inside the epoch, from 0."""
    seq: int = 0
    """Running number of this record within the network's life; order of execution."""
    time_ns: int = 0
    """Wall clock when the pass was measured, nanoseconds since 1970."""
    input_shape: tuple[int, ...] = ()
    """Shape of the layer's input, batch first."""
    output_shape: tuple[int, ...] = ()
    """Shape of the layer's output, batch first."""
    weight_norm: float = layer_statistic("weight_norm")
    bias_norm: float = layer_statistic("bias_norm")
    gradient_norm: float = layer_statistic("gradient_norm")
    input_gradient_norm: float = layer_statistic("input_gradient_norm")
    update_ratio: float = layer_statistic("update_ratio")
    parameters: Mapping[str, ParameterStats] = field(default_factory=dict)
    """The same norms of each trained array of the layer itself, by name, such as "weight"; empty if it has none."""
    output_min: float = layer_statistic("output_min")
    output_max: float = layer_statistic("output_max")
    output_mean: float = layer_statistic("output_mean")
    output_std: float = layer_statistic("output_std")
    zero_fraction: float = layer_statistic("zero_fraction")
    dead_units: int | None = layer_statistic("dead_units")
    nan_count: int = layer_statistic("nan_count")
    inf_count: int = layer_statistic("inf_count")
    compute_time_ns: int | None = layer_statistic("compute_time_ns")
    histogram: tuple[int, ...] | None = None
    """Counts of outputs in fixed logarithmic bins; only when asked for."""
    output_values: NDArray[np.float32] | None = None
    """A flat copy of the outputs, in the backward phase of their gradients; only when asked for. A recording keeps some
    of them by default, see `RecordingObserver`."""


@discriminated_by("type")
@dataclass(slots=True, kw_only=True)
class TrainingEvent:
    """Something that happened in a training run."""

    type: EventType
    """What happened."""
    epoch: int = 0
    """Epoch, from 0."""
    batch: int = 0
    """Batch inside the epoch, from 0."""
    step: int = 0
    """Training steps completed in the network's life."""
    loss: float | None = event_statistic("loss")
    accuracy: float | None = event_statistic("accuracy")
    learning_rate: float | None = event_statistic("learning_rate")
    gradient_norm: float | None = event_statistic("gradient_norm")
    samples_per_second: float | None = event_statistic("samples_per_second")
    eta_s: float | None = event_statistic("eta_s")
    path: str | None = None
    """For an anomaly: path of the first bad layer."""
    text: str | None = None
    """For an anomaly: what happened, in words."""
    time_ns: int = 0
    """Wall clock, nanoseconds since 1970."""

    def __copy__(self) -> Self:
        """A copy, several times faster than `copy.copy` makes one: every observer gets its own of every event."""
        new = object.__new__(type(self))
        for name in self.__slots__:
            setattr(new, name, getattr(self, name))
        return new


@dataclass(frozen=True, slots=True, kw_only=True)
class TweenView:
    """One layer and its target in one step of neural tweening."""

    path: str
    """Address of the layer; tweening aims at top-level layers."""
    link_budget: float = field(metadata=doc_of(VIEW_STATISTICS, "link_budget"))
    gap: float = field(metadata=doc_of(VIEW_STATISTICS, "gap"))
    depth_barrier: float = field(metadata=doc_of(VIEW_STATISTICS, "depth_barrier"))
    bad_values: int = field(metadata=doc_of(VIEW_STATISTICS, "bad_values"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TweenStep:
    """Results of one step of neural tweening."""

    step: int
    """Training steps completed in the network's life, this one included."""
    epoch: int = 0
    """Epoch of the training run, from 0."""
    batch: int = 0
    """Batch inside the epoch, from 0."""
    loss: float = field(metadata=doc_of(TWEEN_STATISTICS, "loss"))
    accuracy: float | None = field(metadata=doc_of(TWEEN_STATISTICS, "accuracy"))
    rate_factor: float = field(metadata=doc_of(TWEEN_STATISTICS, "rate_factor"))
    exploding: bool = field(metadata=doc_of(TWEEN_STATISTICS, "exploding"))
    updated: bool = field(metadata=doc_of(TWEEN_STATISTICS, "updated"))
    views: tuple[TweenView, ...]
    """The layers that have a target, first to last."""
    time_ns: int = 0
    """Wall clock, nanoseconds since 1970."""
