"""Rules applied to a stream of records, live or from a recording."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass, PassBuilder
from loom_py.diagnose.rules import RULES, Rule
from loom_py.diagnose.structure import Structure
from loom_py.telemetry.events import LayerStats, TrainingEvent


class Monitor:
    """Passes records to all rules and collects their findings, in memory that does not grow with the run."""

    def __init__(self, blueprint: Any = None, *, snapshot: bool = False, rules: Iterable[type[Rule]] = RULES) -> None:
        """Start the rules.

        Args:
            blueprint: the network's; without one, rules that need activations find nothing.
            snapshot: there is only one pass, so no rule waits for more.
            rules: the rules to apply.
        """
        structure = Structure(blueprint)
        self._rules = [rule(structure, snapshot=snapshot) for rule in rules]
        self._passes = PassBuilder()

    def on_stats(self, stats: LayerStats) -> list[Finding]:
        """Add a layer's record; returns findings of the previous pass if this record begins a new one."""
        return self._look(self._passes.add(stats))

    def on_event(self, event: TrainingEvent) -> list[Finding]:
        """Add a training event, which ends the current pass; returns findings of both."""
        found = self._look(self._passes.end())
        return found + [finding for rule in self._rules for finding in rule.on_event(event)]

    def end(self) -> list[Finding]:
        """Findings of the current pass, which ends."""
        return self._look(self._passes.end())

    def _look(self, run: Pass | None) -> list[Finding]:
        return [] if run is None else [finding for rule in self._rules for finding in rule.on_pass(run)]
