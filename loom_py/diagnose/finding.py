"""Findings of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loom_py.diagnose.remedies import Remedy, remedies_for

Severity = Literal["info", "warning", "error"]
SEVERITIES: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}
"""Severities by rank, the gravest first."""
RuleName = Literal[
    "nan_origin",
    "exploding",
    "vanishing",
    "dead_relu",
    "saturation",
    "update_ratio",
    "poor_initialisation",
    "loss_not_decreasing",
    "overfitting",
]
CheckName = Literal[
    "constant_inputs",
    "duplicate_inputs",
    "unscaled_inputs",
    "missing_class",
    "class_imbalance",
    "conflicting_targets",
    "shared_samples",
    "target_range",
    "target_scale",
    "loss_mismatch",
    "batch_size",
    "learning_rate",
    "initial_loss",
]
"""Rules that need no step: they examine data, options and the first outputs."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, with its layer, step, cause and remedies."""

    rule: RuleName | CheckName
    """The rule that found it."""
    layer: str | None
    """Path of the layer; None when the finding is about the run as a whole."""
    step: int | None
    """Training step of the finding; None where there are no steps."""
    severity: Severity
    """Severity: "error" the run is lost, "warning" it learns badly, "info" worth knowing."""
    evidence: dict[str, float | int | str]
    """The numbers behind the finding, and the rule's threshold."""
    explanation: str
    """Meaning of the numbers, in a sentence or two."""
    suggestions: tuple[str, ...]
    """Possible remedies, the most likely first."""
    cause: str | None = None
    """Name of the finding that this one is a consequence of; None for a cause, and before a ranking."""

    remedies: tuple[Remedy, ...] = ()
    """What `heal` can do about it, the most likely first; given by the rule."""

    def __post_init__(self) -> None:
        if not self.remedies:
            object.__setattr__(self, "remedies", remedies_for(self.rule, self.evidence))

    @property
    def name(self) -> str:
        """Rule and layer, the name in `cause`."""
        return self.rule if self.layer is None else f"{self.rule} in layer {self.layer}"

    def __str__(self) -> str:
        """The finding in one line."""
        where = f" in layer {self.layer}" if self.layer is not None else ""
        when = f" at step {self.step}" if self.step is not None else ""
        return f"[{self.severity}] {self.rule}{where}{when}: {self.explanation} Try: {'; '.join(self.suggestions)}."
