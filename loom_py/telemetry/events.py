"""What observers are told: statistics of one layer in one pass, events of a training run, views of neural tweening.

Absent is never 0. A statistic (float) of a layer that was not measured is `NOT_MEASURED`, a NaN: comparisons with
it are false, so `record.gradient_norm > 100` is safe on a forward record too. Counts and the figures of training
events are `None` when absent, since a loss of NaN says that the batch diverged. Nothing here aliases the network's
memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from loom_py.errors import ConfigError
from loom_py.introspect.introspectable import internal
from loom_py.layer_run import LayerRun, records_of

NOT_MEASURED: float = float("nan")
"""What a statistic holds that was not measured; `measured` tells it from a NaN that was."""


def measured(value: float | None) -> bool:
    """Whether the value was measured, be it NaN; sinks that know absence write null or nothing where it was not."""
    return value is not None and value is not NOT_MEASURED


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

    weight_norm: float = NOT_MEASURED
    """L2 norm of its values; in the backward phase those of before the update."""
    gradient_norm: float = NOT_MEASURED
    """L2 norm of its gradient (backward phase)."""
    update_ratio: float = NOT_MEASURED
    """L2 norm of its last update over the L2 norm of its values before it (backward phase)."""


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
    """Where the layer stands, nested ones too: "3" or "3.branches.1"."""
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
    weight_norm: float = NOT_MEASURED
    """L2 norm of all the layer's weights; not measured if it has none."""
    bias_norm: float = NOT_MEASURED
    """L2 norm of the layer's biases; not measured if it has none."""
    gradient_norm: float = NOT_MEASURED
    """L2 norm of the gradients of the layer's parameters (backward phase)."""
    input_gradient_norm: float = NOT_MEASURED
    """L2 norm of the gradient with respect to the layer's input (backward phase)."""
    update_ratio: float = NOT_MEASURED
    """L2 norm of the parameters' last update over the L2 norm of the parameters (backward phase)."""
    parameters: Mapping[str, ParameterStats] = field(default_factory=dict)
    """The same norms for each trained array of the layer's own by its name, such as "weight"; empty if it has none."""
    output_min: float = NOT_MEASURED
    """Smallest finite output; NaN if none is finite."""
    output_max: float = NOT_MEASURED
    """Largest finite output; NaN if none is finite."""
    output_mean: float = NOT_MEASURED
    """Mean of the finite outputs; NaN if none is finite."""
    output_std: float = NOT_MEASURED
    """Standard deviation (population) of the finite outputs; NaN if none is finite."""
    zero_fraction: float = NOT_MEASURED
    """Share of outputs that are exactly 0, between 0 and 1."""
    dead_units: int | None = None
    """Units (positions of the last axis, or channels) that are 0 for every sample of the batch."""
    nan_count: int = 0
    """Outputs that are NaN."""
    inf_count: int = 0
    """Outputs that are +inf or -inf."""
    compute_time_ns: int | None = None
    """Time the layer took in this pass, nanoseconds; None where it can't be measured."""
    histogram: tuple[int, ...] | None = None
    """Counts of outputs in fixed logarithmic bins; only when asked for."""
    output_values: NDArray[np.float32] | None = None
    """A copy of the outputs; only when asked for."""


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
    loss: float | None = None
    """Mean loss over the batch, epoch or validation set; NaN when it diverged."""
    accuracy: float | None = None
    """Share of right classes between 0 and 1; None where there are no classes."""
    learning_rate: float | None = None
    """Learning rate of the step."""
    gradient_norm: float | None = None
    """L2 norm of all gradients before clipping."""
    samples_per_second: float | None = None
    """Training samples per second of wall clock since the run began."""
    eta_s: float | None = None
    """Seconds that the rest of the run will take at this rate."""
    path: str | None = None
    """For an anomaly: path of the first bad layer."""
    text: str | None = None
    """For an anomaly: what happened, in words."""
    time_ns: int = 0
    """Wall clock, nanoseconds since 1970."""

    def __copy__(self) -> Self:
        """A copy, several times quicker than the usual way: observers get one of every event."""
        new = object.__new__(type(self))
        for name in self.__slots__:
            setattr(new, name, getattr(self, name))
        return new


@dataclass(frozen=True, slots=True, kw_only=True)
class TweenView:
    """How one layer stands to its target in one step of neural tweening."""

    path: str
    """Where the layer stands; tweening aims at top-level layers."""
    link_budget: float
    """(1 + cos(activation, target)) / 2, between 0 and 1; 0.5 where one of the two is almost 0."""
    gap: float
    """Mean (activation - target)²; NaN or infinite when the activation is not finite."""
    depth_barrier: float
    """Product of the link budgets from the first layer to this one."""
    bad_values: int
    """Values on their way back that were not finite and became 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TweenStep:
    """What one step of neural tweening gave."""

    step: int
    """Training steps completed in the network's life, this one included."""
    epoch: int = 0
    """Epoch of the training run, from 0."""
    batch: int = 0
    """Batch inside the epoch, from 0."""
    loss: float
    """Mean loss of the batch before the step, for comparison: it does not drive the training."""
    accuracy: float | None
    """Share of right classes between 0 and 1; None where there are no classes."""
    rate_factor: float
    """What explosion detection left of the learning rate, between 0.01 and 1."""
    exploding: bool
    """Whether the gaps were judged to explode."""
    updated: bool
    """Whether parameters were moved: not when an activation is not finite."""
    views: tuple[TweenView, ...]
    """The layers that have a target, first to last."""
    time_ns: int = 0
    """Wall clock, nanoseconds since 1970."""


class Observer:
    """Base of everything that watches a network; override what you need.

    Return values are ignored and arguments are copies, so an observer can't change the run. One that raises is
    reported once and detached; training goes on.

    Attributes:
        every: deliver layer statistics at every N-th run of the network (1 = all).
        budget: deliver them as often as takes at most this share of the time (0.05 = 5 %), measured all the while, and
            at most every N-th run; None for no limit.
        measured_share: the share of the time that they take now; None until it was measured (with a budget alone).
        layers: deliver only these layer paths (None = all).
        output_values: ask for a copy of each layer's outputs in `LayerStats.output_values`.
        histograms: ask for `LayerStats.histogram`.
    """

    every: int = 1
    budget: float | None = None
    measured_share: float | None = None
    layers: frozenset[str] | None = None
    output_values: bool = False
    histograms: bool = False

    def __init__(
        self,
        *,
        every: int = 1,
        budget: float | None = None,
        layers: Iterable[str | int] | None = None,
        output_values: bool = False,
        histograms: bool = False,
    ) -> None:
        """Choose what to be told; a subclass without a constructor of its own has these options too.

        Raises:
            ConfigError: `every` is less than 1, `budget` is no share, or `layers` is a text instead of a list of paths.
        """
        if budget is not None and not 0 < budget < 1:
            raise ConfigError.expected("budget", expected="a share above 0 and below 1, or None", got=budget)
        if every < 1:
            raise ConfigError.expected("every", expected="a number of runs of at least 1", got=every)
        if isinstance(layers, str):
            raise ConfigError.expected("layers", expected="a list of paths", got=repr(layers), do=f"pass [{layers!r}]")
        self.every = every
        self.budget = budget
        self.layers = None if layers is None else frozenset(str(path) for path in layers)
        self.output_values = output_values
        self.histograms = histograms

    def __init_subclass__(cls, **options: Any) -> None:
        """A class that says what to do with records is told of records, though it inherits from one that takes runs."""
        super().__init_subclass__(**options)
        if "on_layer_run" not in vars(cls) and {"on_layer_forward", "on_layer_backward"} & vars(cls).keys():
            cls.on_layer_run = Observer.on_layer_run  # type: ignore[method-assign]

    @internal
    def on_layer_run(self, run: LayerRun) -> None:
        """Take a run's numbers as they are; here a record is made of each layer and handed to the methods below."""
        for stats in records_of([run]):
            told = self.on_layer_forward if stats.phase == "forward" else self.on_layer_backward
            told(stats.layer_index, stats)

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Called after a layer's forward pass was measured."""

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Called after a layer's backward pass was measured."""

    def on_training_event(self, event: TrainingEvent) -> None:
        """Called when something happens in a training run."""

    def on_tween_step(self, step: TweenStep) -> None:
        """Called after each step of neural tweening, or every N-th by `every`, with the views of `layers`."""

    def on_attach(self, blueprint: object, config: Mapping[str, Any]) -> None:
        """Called with the network's blueprint and config when the observer is attached and when they change."""

    def flush(self) -> None:
        """Deliver what is still held back."""

    def close(self) -> None:
        """Flush and release what the observer holds; called once at the end."""

    def __enter__(self) -> Self:
        """Use the observer in a `with` block, which closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the observer at the end of the block; an error goes on its way."""
        self.close()
