"""DiagnosticObserver: the diagnosis while the network trains."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from loom_py.diagnose.finding import Finding
from loom_py.diagnose.monitor import Monitor
from loom_py.introspect import Introspectable
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.observer import Observer


class DiagnosticObserver(Observer, Introspectable):
    """Looks at every pass with all rules and says what it finds at once."""

    def __init__(
        self,
        on_finding: Callable[[Finding], None] | None = None,
        *,
        every: int = 1,
        budget: float | None = None,
        layers: Iterable[str | int] | None = None,
        capacity: int = 1000,
    ) -> None:
        """Create the observer.

        Args:
            on_finding: called with each finding when it is found.
            every: look at every N-th run of the network; the origin of a NaN is then the first among those.
            budget: share of the time that watching may take, such as 0.05; None is no limit.
            layers: look at these layer paths only; None is all.
            capacity: findings kept at most; the oldest make room.
        """
        super().__init__(every=every, budget=budget, layers=layers)
        self._on_finding = on_finding
        self._findings: deque[Finding] = deque(maxlen=capacity)
        self._monitor = Monitor()

    def get_findings(self) -> list[Finding]:
        """What was found so far."""
        self.flush()
        return list(self._findings)

    def clear(self) -> None:
        """Forget the findings; the rules go on."""
        self._findings.clear()

    def on_attach(self, blueprint: object, config: Mapping[str, Any]) -> None:
        """Begin anew with the network's layers."""
        self.flush()
        self._monitor = Monitor(blueprint)

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Take the record."""
        self._report(self._monitor.on_stats(stats))

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Take the record."""
        self._report(self._monitor.on_stats(stats))

    def on_training_event(self, event: TrainingEvent) -> None:
        """Take the event; the pass before it is looked at now."""
        self._report(self._monitor.on_event(event))

    def flush(self) -> None:
        """Look at what is still being gathered."""
        self._report(self._monitor.end())

    def close(self) -> None:
        """Look at what is still being gathered; further calls find nothing more."""
        self.flush()

    def _report(self, findings: list[Finding]) -> None:
        for finding in findings:
            self._findings.append(finding)
            if self._on_finding is not None:
                self._on_finding(finding)
