"""What a diagnosis says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "error"]
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


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where, since when, and what to do about it."""

    rule: RuleName
    """The rule that found it."""
    layer: str | None
    """Path of the layer; None when it is the run as a whole."""
    step: int | None
    """Training step at which it was found; None where there are no steps."""
    severity: Severity
    """How bad it is: "error" the run is lost, "warning" it learns badly, "info" worth knowing."""
    evidence: dict[str, float | int | str]
    """The numbers that the rule looked at, and its threshold."""
    explanation: str
    """What that means, in a sentence."""
    suggestions: tuple[str, ...]
    """What may help."""

    def __str__(self) -> str:
        """The finding as people read it."""
        where = f" in layer {self.layer}" if self.layer is not None else ""
        when = f" at step {self.step}" if self.step is not None else ""
        return f"[{self.severity}] {self.rule}{where}{when}: {self.explanation} Try: {'; '.join(self.suggestions)}."
