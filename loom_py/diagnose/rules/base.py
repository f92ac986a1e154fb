"""Base of the rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from loom_py.diagnose.finding import CheckName, Finding, RuleName
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.structure import Structure
from loom_py.telemetry.events import TrainingEvent


class Rule:
    """Examines a run pass by pass; a rule's docstring describes its false positives.

    Attributes:
        follows: rules and checks whose findings may be the cause of this rule's.
        looks_back: most steps between a cause and this rule's finding.
        of_start: the rule examines only networks that have not been trained.
        structure: layers of the network.
        patience: bad passes in a row that make a finding; 1 for a snapshot.
    """

    name: ClassVar[RuleName]
    follows: ClassVar[tuple[RuleName | CheckName, ...]] = ()
    looks_back: ClassVar[float] = 200
    of_start: ClassVar[bool] = False
    usual_patience: ClassVar[int] = 3

    def __init__(self, structure: Structure, *, snapshot: bool = False) -> None:
        """Start a rule; in a snapshot, which is one pass, one bad pass is enough."""
        self.structure = structure
        self.patience = 1 if snapshot else self.usual_patience
        self.start()

    def start(self) -> None:
        """Set up the rule's state."""

    def on_pass(self, run: Pass) -> Iterable[Finding]:
        """Examine a forward or backward pass."""
        return ()

    def on_event(self, event: TrainingEvent) -> Iterable[Finding]:
        """Examine a training event."""
        return ()
