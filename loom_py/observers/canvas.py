"""CanvasObserver: columns of numbers for a live dashboard, in a few messages a second at any speed of training."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Range, Size
from loom_py.introspect import internal
from loom_py.observers.records.messages import Message, MessageBuffer, anomaly
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.frame import StatsFrame
from loom_py.telemetry.observer import LoomObserver


class CanvasObserver(LoomObserver):
    """Collects statistics in columns and passes them to `sink` as messages.

    Messages are plain dicts of a `kind`: "blueprint" (once per network), "stats" and "training" (columns of
    float32, column-major; an absent value is NaN), "anomaly" (at once, after the rows that led to it).
    """

    @checked
    def __init__(
        self,
        sink: Callable[[Message], None],
        *,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
        interval_s: Annotated[float, Range(0, 1e9)] = 0.05,
        capacity: Size = 4096,
    ) -> None:
        """Create the observer.

        Args:
            sink: called with each message, whose arrays it owns.
            every: collect layers at every N-th run of the network.
            budget: share of the running time that observation may take, such as 0.05; None is no limit.
            layers: collect these layer paths only; None is all.
            interval_s: shortest time in seconds between messages of statistics.
            capacity: largest number of buffered rows; a full buffer is sent before the interval ends.

        Raises:
            ConfigError: an option is out of range.
        """
        super().__init__(every=every, budget=budget, layers=layers)
        self._sink = sink
        self._interval_s = interval_s
        self._capacity = capacity
        self._buffer = MessageBuffer()
        self._sent_at = time.monotonic()

    def on_attach(self, blueprint: object, config: Mapping[str, Any]) -> None:
        """Send the blueprint; later rows refer to layers by their position in it."""
        self.flush()
        self._sink(self._buffer.blueprint(blueprint))

    @internal
    def on_frame(self, run: StatsFrame) -> None:
        """Buffer the frame; its rows are computed when they are sent."""
        self._add(run, len(run))

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Add a row of phase 0."""
        self._add(stats, 1)

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Add a row of phase 1."""
        self._add(stats, 1)

    def on_training_event(self, event: TrainingEvent) -> None:
        """Add a row; an anomaly, the start and the end of training are sent at once."""
        if event.type == "anomaly":
            self.flush()
            self._sink(anomaly(event))
            return
        if not self._closed:
            self._buffer.add_event(event)
            self._send_if_due(at_once=event.type in ("train_start", "train_end"))

    def flush(self) -> None:
        """Send all buffered rows."""
        self._sent_at = time.monotonic()
        for message in self._buffer.take(self._capacity):
            self._sink(message)

    def _add(self, item: StatsFrame | LayerStats, rows: int) -> None:
        if not self._closed:
            held = self._buffer.stats
            if held.rows and held.rows + rows > self._capacity:
                self.flush()
            held.add(item)
            self._send_if_due()

    def _send_if_due(self, *, at_once: bool = False) -> None:
        full = self._buffer.rows >= self._capacity
        if at_once or full or time.monotonic() - self._sent_at >= self._interval_s:
            self.flush()
