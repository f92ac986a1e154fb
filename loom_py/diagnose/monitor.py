"""The rules at work on a stream of records, live or from a recording."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass, PassBuilder
from loom_py.diagnose.rules import RULES, Rule
from loom_py.diagnose.structure import Structure
from loom_py.telemetry.events import LayerStats, TrainingEvent


class Monitor:
    """Feeds records to all rules and gathers what they find, in memory that does not grow with the run."""

    def __init__(self, blueprint: Any = None, *, snapshot: bool = False, rules: Iterable[type[Rule]] = RULES) -> None:
        """Start the rules.

        Args:
            blueprint: the network's; without one the rules that need to know activations are silent.
            snapshot: there will be one single pass, so that no rule waits for more.
            rules: which rules.
        """
        structure = Structure(blueprint)
        self._rules = [rule(structure, snapshot=snapshot) for rule in rules]
        self._passes = PassBuilder()

    def on_stats(self, stats: LayerStats) -> list[Finding]:
        """Take a layer's record; gives what was found in the pass before it, if that is over now."""
        return self._look(self._passes.add(stats))

    def on_event(self, event: TrainingEvent) -> list[Finding]:
        """Take a training event; the pass before it is over."""
        found = self._look(self._passes.end())
        return found + [finding for rule in self._rules for finding in rule.on_event(event)]

    def end(self) -> list[Finding]:
        """What is found in the pass that is still being gathered."""
        return self._look(self._passes.end())

    def _look(self, run: Pass | None) -> list[Finding]:
        return [] if run is None else [finding for rule in self._rules for finding in rule.on_pass(run)]
