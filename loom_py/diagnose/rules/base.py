"""What a rule is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from loom_py.diagnose.finding import Finding, RuleName
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.structure import Structure
from loom_py.telemetry.events import TrainingEvent


class Rule:
    """Watches a run pass by pass and says what it finds; a rule's docstring says when it is wrong.

    Attributes:
        structure: what is known of the network's layers.
        patience: bad passes in a row that it takes; 1 when there is only one to look at.
    """

    name: ClassVar[RuleName]
    usual_patience: ClassVar[int] = 3

    def __init__(self, structure: Structure, *, snapshot: bool = False) -> None:
        """Start a rule; a snapshot is one single pass, which has to do."""
        self.structure = structure
        self.patience = 1 if snapshot else self.usual_patience
        self.start()

    def start(self) -> None:
        """Set up what the rule remembers."""

    def on_pass(self, run: Pass) -> Iterable[Finding]:
        """Look at a forward or backward pass."""
        return ()

    def on_event(self, event: TrainingEvent) -> Iterable[Finding]:
        """Look at a training event."""
        return ()
