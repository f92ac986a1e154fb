"""ConsoleObserver: prints what the network does as it does it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from loom_py.observers.base import LoomObserver
from loom_py.observers.lines import event_line, layer_lines
from loom_py.telemetry.events import LayerStats, TrainingEvent

_PLAIN = str.maketrans({"→": "->", "×": "x", "⚠": "!"})


class ConsoleObserver(LoomObserver):
    """Prints every layer's output statistics and time, and the training events."""

    def __init__(
        self,
        *,
        stream: TextIO | None = None,
        every: int = 1,
        budget: float | None = None,
        layers: Iterable[str | int] | None = None,
    ) -> None:
        """Create the observer.

        Args:
            stream: where to print; None is whatever `sys.stdout` is at that moment.
            every: print layers at every N-th run of the network.
            budget: share of the time that watching may take, such as 0.05; None is no limit.
            layers: print these layer paths only; None is all.
        """
        super().__init__(every=every, budget=budget, layers=layers)
        self._stream = stream

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Print the layer's output statistics and time."""
        self._print(layer_lines(stats))

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Print the layer's gradient norms, the statistics of the gradient that reached it, and time."""
        self._print(layer_lines(stats))

    def on_training_event(self, event: TrainingEvent) -> None:
        """Print the event in one line."""
        line = event_line(event)
        if line:
            self._print(line)

    def flush(self) -> None:
        """Flush the stream."""
        (self._stream or sys.stdout).flush()

    def _print(self, text: str) -> None:
        if self._closed:
            return
        stream = self._stream or sys.stdout
        try:
            stream.write(text + "\n")
        except UnicodeEncodeError:  # a console of another encoding must not detach the observer
            stream.write(text.translate(_PLAIN).encode("ascii", "replace").decode("ascii") + "\n")
