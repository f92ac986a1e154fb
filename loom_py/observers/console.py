"""ConsoleObserver: prints statistics of layers and training events."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Size
from loom_py.shapes import Shape, shape_text
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.observer import LoomObserver
from loom_py.telemetry.statistics import measured

_PLAIN = str.maketrans({"→": "->", "×": "x", "⚠": "!"})


class ConsoleObserver(LoomObserver):
    """Prints every layer's output statistics and time, and the training events."""

    @checked
    def __init__(
        self,
        *,
        stream: TextIO | None = None,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
    ) -> None:
        """Create the observer.

        Args:
            stream: stream to print to; None is the current `sys.stdout`.
            every: print layers at every N-th run of the network.
            budget: share of the running time that observation may take, such as 0.05; None is no limit.
            layers: print these layer paths only; None is all.

        Raises:
            ConfigError: an option is out of range.
        """
        super().__init__(every=every, budget=budget, layers=layers)
        self._stream = stream

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Print the layer's output statistics and time."""
        self._print(layer_lines(stats))

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Print the layer's gradient norms, the statistics of its output gradient, and time."""
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
        except UnicodeEncodeError:  # an error of encoding would detach the observer
            stream.write(text.translate(_PLAIN).encode("ascii", "replace").decode("ascii") + "\n")


def layer_lines(stats: LayerStats) -> str:
    """A layer's pass in two or three lines.

    Sizes are those of one sample, without the batch axis. Counts of NaN and infinities are shown if there are any.
    """
    lines = [f"[Layer {_name(stats)}] {stats.layer_type}: {_size(stats.input_shape)} → {_size(stats.output_shape)}"]
    if stats.phase == "backward":
        lines[0] += " (backward)"
        norms = [("norm", stats.gradient_norm), ("input norm", stats.input_gradient_norm)]
        shown = [f"{name}={value:.4g}" for name, value in norms if measured(value)]
        lines.append(f"  Gradient: {', '.join([*shown, _values(stats)])}")
    else:
        lines.append(f"  Output: {_values(stats)}")
    if stats.compute_time_ns is not None:
        lines.append(f"  Time: {stats.compute_time_ns / 1e6:.3f}ms")
    return "\n".join(lines)


def event_line(event: TrainingEvent) -> str:
    """A training event in one line; empty for the start of a batch, whose facts are in its end."""
    match event.type:
        case "train_start":
            return "[Training] started"
        case "epoch_start":
            return f"[Epoch {event.epoch}] started"
        case "batch_start":
            return ""
        case "batch_end":
            return f"[Epoch {event.epoch}, batch {event.batch}] {_figures(event)}"
        case "validation":
            return f"[Epoch {event.epoch}] validation: {_figures(event)}"
        case "epoch_end":
            return f"[Epoch {event.epoch}] completed: {_figures(event)}"
        case "train_end":
            return f"[Training] ended after {event.step} steps: {_figures(event)}"
        case "anomaly":
            where = f" in layer {event.path}" if event.path else ""
            return f"[Anomaly] step {event.step}{where}: {event.text or _figures(event)}"


def _name(stats: LayerStats) -> str:
    return stats.path if "." in stats.path else str(stats.layer_index)


def _size(shape: Shape) -> str:
    return shape_text(shape[1:])


def _values(stats: LayerStats) -> str:
    text = (
        f"mean={stats.output_mean:.4f}, std={stats.output_std:.4f}, "
        f"range=[{stats.output_min:.2f}, {stats.output_max:.2f}]"
    )
    bad = [f"{count} {word}" for count, word in ((stats.nan_count, "NaN"), (stats.inf_count, "Inf")) if count]
    return f"{text}  ⚠ {', '.join(bad)}" if bad else text


def _figures(event: TrainingEvent) -> str:
    parts = [
        ("loss={:.4f}", event.loss),
        ("accuracy={:.1%}", event.accuracy),
        ("lr={:.4g}", event.learning_rate),
        ("gradient norm={:.4g}", event.gradient_norm),
        ("{:.0f} samples/s", event.samples_per_second),
        ("{:.0f}s left", event.eta_s),
    ]
    return ", ".join(form.format(value) for form, value in parts if value is not None)
