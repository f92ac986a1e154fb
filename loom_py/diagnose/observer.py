"""DiagnosticObserver: diagnosis during training."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Size
from loom_py.diagnose.finding import Finding
from loom_py.diagnose.monitor import Monitor
from loom_py.diagnose.ranking import causes_first
from loom_py.introspect import Introspectable, internal
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.observer import Observer


class DiagnosticObserver(Observer, Introspectable):
    """Applies all rules to every pass and reports each finding at once."""

    @checked
    def __init__(
        self,
        on_finding: Callable[[Finding], None] | None = None,
        *,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
        capacity: Size = 1000,
    ) -> None:
        """Create the observer.

        Args:
            on_finding: called with each finding.
            every: examine every N-th run of the network; the origin of a NaN is then the first among these.
            budget: share of the running time that observation may take, such as 0.05; None is no limit.
            layers: examine these layer paths only; None is all.
            capacity: largest number of findings held; the oldest are dropped.

        Raises:
            ConfigError: an option is out of range.
        """
        super().__init__(every=every, budget=budget, layers=layers)
        self._on_finding = on_finding
        self._findings: deque[Finding] = deque(maxlen=capacity)
        self._monitor = Monitor()
        self._reported: set[tuple[str, str | None]] = set()

    def get_findings(self) -> list[Finding]:
        """Findings so far, causes first, each followed by its consequences."""
        self.flush()
        return causes_first(self._findings)

    def clear(self) -> None:
        """Delete the findings; the rules keep their state."""
        self._findings.clear()

    def on_attach(self, blueprint: object, config: Mapping[str, Any]) -> None:
        """Start the rules again with the network's layers."""
        self.flush()
        self._monitor = Monitor(blueprint)
        self._reported.clear()

    @internal
    def on_run_data(self, data: Any) -> None:
        """Examine the data and options of a run, without what is only worth knowing; each rule reports once."""
        from loom_py.diagnose.before.examine import examine  # imported on first use: a page pays for every module

        grave = [finding for finding in examine(data) if finding.severity != "info"]
        self._report([finding for finding in grave if (finding.rule, finding.layer) not in self._reported])
        self._reported |= {(finding.rule, finding.layer) for finding in grave}

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Examine the record."""
        self._report(self._monitor.on_stats(stats))

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Examine the record."""
        self._report(self._monitor.on_stats(stats))

    def on_training_event(self, event: TrainingEvent) -> None:
        """Examine the pass that the event ends, and the event."""
        self._report(self._monitor.on_event(event))

    def flush(self) -> None:
        """Examine the current pass."""
        self._report(self._monitor.end())

    def close(self) -> None:
        """Examine the current pass; further calls find nothing more."""
        self.flush()

    def _report(self, findings: list[Finding]) -> None:
        for finding in findings:
            self._findings.append(finding)
            if self._on_finding is not None:
                self._on_finding(finding)
