"""Statistics of layers and of training events, each declared once.

From these tables derive the numbers of a run, the columns that cross to the page, the rows of recordings, the named
scalars of exports, the fields' docs and the visualiser's list (`web/generated/statistics.ts`). A new statistic of a
layer is its kernels (`ops.stats`), one row here and one field of `LayerStats`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

NOT_MEASURED: float = float("nan")
"""Value of a statistic that was not measured; `measured` tells it from a NaN that was."""


def measured(value: float | None) -> bool:
    """Whether the value was measured, be it NaN; sinks that know absence write null or nothing otherwise."""
    return value is not None and value is not NOT_MEASURED


@dataclass(frozen=True, slots=True)
class FromRow:
    """A number from the `ops.stats` row of one of the layer's arrays.

    Attributes:
        fields: names from `STAT_FIELDS`, added together.
        array: the layer's output (backward: the gradient that reaches it), or the gradient of its input.
        share: divided by the number of elements.
        finite_only: over the finite values; else NaN or infinite as soon as the array has such a value.
    """

    fields: tuple[str, ...]
    array: Literal["output", "input_gradient"] = "output"
    share: bool = False
    finite_only: bool = True


@dataclass(frozen=True, slots=True)
class FromNorms:
    """√Σ norm² over the layer's parameter arrays, in float64.

    Attributes:
        norms: the norms added: of weights, biases, gradients or updates.
        over: divided by √Σ of these norms: the weights before the update.
    """

    norms: Literal["weight", "bias", "gradient", "update"]
    over: Literal["before"] | None = None


@dataclass(frozen=True, slots=True)
class FromSpans:
    """Sum of the times of the pass's spans."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number that is measured.

    Attributes:
        name: field of the record that carries it.
        unit: UCUM code (https://ucum.org); "1" for a pure number.
        phase: the pass in which it is new; norms of weights are in the records of both, exports have each once.
        kind: "norm" (L2 norms and their ratios), "output" (over a layer's output), "share" (between 0 and 1), "count"
            (whole numbers), "clock" (times and rates, which differ between equal runs), "training" (of a step or
            epoch), "flag" (0 or 1).
        meaning: the field's documentation.
        source: how it is made; None where it is no number of a layer.
        optional: a count that may be absent: None, not 0. A count that joins later has to be, since recordings of
            before lack it.
    """

    name: str
    unit: str
    phase: Literal["forward", "backward", "both"]
    kind: Literal["norm", "output", "share", "count", "clock", "training", "flag"]
    meaning: str
    source: FromRow | FromNorms | FromSpans | None = None
    optional: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is a whole number."""
        return self.kind == "count" or self.unit == "ns"

    @property
    def absent(self) -> float | int | None:
        """Its value in a record of a layer where it was not measured."""
        return None if self.optional else 0 if self.whole else NOT_MEASURED


LAYER_STATISTICS = (
    Statistic(
        "weight_norm", "1", "forward", "norm",
        "L2 norm of the layer's own weights, in the backward phase before the update; 0 if it has none.",
        FromNorms("weight"),
    ),
    Statistic(
        "bias_norm", "1", "forward", "norm",
        "L2 norm of the layer's own biases, in the backward phase before the update; 0 if it has none.",
        FromNorms("bias"),
    ),
    Statistic(
        "gradient_norm", "1", "backward", "norm",
        "L2 norm of the gradients of the layer's own parameters (backward phase); not measured if it has none, since a "
        "norm of 0 would read as a gradient that vanishes.",
        FromNorms("gradient"),
    ),
    Statistic(
        "input_gradient_norm", "1", "backward", "norm",
        "L2 norm of the gradient with respect to the layer's input (backward phase).",
        FromRow(("norm",), "input_gradient", finite_only=False),
    ),
    Statistic(
        "update_ratio", "1", "backward", "norm",
        "L2 norm of the parameters' last update over the L2 norm of the parameters before it (backward phase).",
        FromNorms("update", over="before"),
    ),
    Statistic("output_min", "1", "both", "output", "Smallest finite output; NaN if none is finite.", FromRow(("min",))),
    Statistic("output_max", "1", "both", "output", "Largest finite output; NaN if none is finite.", FromRow(("max",))),
    Statistic(
        "output_mean", "1", "both", "output", "Mean of the finite outputs; NaN if none is finite.", FromRow(("mean",))
    ),
    Statistic(
        "output_std", "1", "both", "output",
        "Standard deviation (population) of the finite outputs; NaN if none is finite.",
        FromRow(("std",)),
    ),
    Statistic(
        "zero_fraction", "1", "both", "share",
        "Share of outputs that are exactly 0, between 0 and 1.",
        FromRow(("zeros",), share=True),
    ),
    Statistic(
        "dead_units", "{unit}", "both", "count",
        "Units (positions of the last axis, or channels) that are 0 for every sample of the batch.",
        FromRow(("dead_units",)), optional=True,
    ),
    Statistic("nan_count", "{element}", "both", "count", "Outputs that are NaN.", FromRow(("nan",))),
    Statistic(
        "inf_count", "{element}", "both", "count",
        "Outputs that are +inf or -inf.",
        FromRow(("positive_inf", "negative_inf")),
    ),
    Statistic(
        "compute_time_ns", "ns", "both", "clock",
        "Compute time of the layer in this pass, nanoseconds; None where it can't be measured.",
        FromSpans(), optional=True,
    ),
)  # fmt: skip
"""The numbers of a layer in one pass (`LayerStats`), in the order of tables, columns and rows."""

PARAMETER_STATISTICS = (
    Statistic(
        "weight_norm", "1", "forward", "norm", "L2 norm of its values; in the backward phase, those before the update."
    ),
    Statistic("gradient_norm", "1", "backward", "norm", "L2 norm of its gradient (backward phase)."),
    Statistic(
        "update_ratio", "1", "backward", "norm",
        "L2 norm of its last update over the L2 norm of its values before it (backward phase).",
    ),
)  # fmt: skip
"""The numbers of one parameter array (`ParameterStats`), each with the phase in which it is new."""

_ACCURACY = Statistic(
    "accuracy", "1", "both", "training", "Share of correct classes between 0 and 1; None where there are no classes."
)

EVENT_STATISTICS = (
    Statistic(
        "loss", "1", "both", "training", "Mean loss of the batch, epoch or validation set; NaN after a divergence."
    ),
    _ACCURACY,
    Statistic("learning_rate", "1", "both", "training", "Learning rate of the step."),
    Statistic("gradient_norm", "1", "both", "training", "L2 norm of all gradients before clipping."),
    Statistic(
        "samples_per_second", "{sample}/s", "both", "clock",
        "Training samples per second of wall clock since the start of the run.",
    ),
    Statistic("eta_s", "s", "both", "clock", "Estimated seconds to the end of the run."),
)  # fmt: skip
"""The numbers of a `TrainingEvent`."""

TWEEN_STATISTICS = (
    Statistic(
        "loss", "1", "both", "training",
        "Mean loss of the batch before the step, for comparison: it does not drive the training.",
    ),
    _ACCURACY,
    Statistic(
        "rate_factor", "1", "both", "training",
        "Factor on the learning rate after explosion detection, between 0.01 and 1.",
    ),
    Statistic("exploding", "1", "both", "flag", "Whether explosion detection found growing gaps."),
    Statistic(
        "updated", "1", "both", "flag", "Whether parameters were changed: not when an activation is not finite."
    ),
)  # fmt: skip
"""The numbers of a `TweenStep`."""

VIEW_STATISTICS = (
    Statistic(
        "link_budget", "1", "both", "training",
        "(1 + cos(activation, target)) / 2, between 0 and 1; 0.5 where one of the two is almost 0.",
    ),
    Statistic(
        "gap", "1", "both", "training",
        "Mean (activation - target)²; NaN or infinite when the activation is not finite.",
    ),
    Statistic(
        "depth_barrier", "1", "both", "training", "Product of the link budgets from the first layer to this one."
    ),
    Statistic("bad_values", "{element}", "both", "count", "Backward values that were not finite and became 0."),
)  # fmt: skip
"""The numbers of a `TweenView`."""


def names(table: Iterable[Statistic], *kinds: str) -> tuple[str, ...]:
    """Names of a table's statistics, of these kinds; no kind: of all."""
    return tuple(s.name for s in table if not kinds or s.kind in kinds)


LAYER_NUMBERS = names(LAYER_STATISTICS)
"""Names of a layer's statistics: the columns of a run's table."""

UNITS = {
    s.name: s.unit for table in (LAYER_STATISTICS, EVENT_STATISTICS, TWEEN_STATISTICS, VIEW_STATISTICS) for s in table
}
"""Units by name; a name has one unit wherever it is used."""


def doc_of(table: Iterable[Statistic], name: str) -> dict[str, str]:
    """Metadata of a dataclass field that is documented by its statistic."""
    return {"doc": next(s.meaning for s in table if s.name == name)}


def layer_statistic(name: str) -> Any:
    """The field of `LayerStats` that carries a statistic."""
    found = next(s for s in LAYER_STATISTICS if s.name == name)
    return field(default=found.absent, metadata={"doc": found.meaning})


def parameter_statistic(name: str) -> Any:
    """The field of `ParameterStats` that carries a statistic."""
    return field(default=NOT_MEASURED, metadata=doc_of(PARAMETER_STATISTICS, name))


def event_statistic(name: str) -> Any:
    """The field of `TrainingEvent` that carries a statistic; None when absent: a loss of NaN means divergence."""
    return field(default=None, metadata=doc_of(EVENT_STATISTICS, name))
