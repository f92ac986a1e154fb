"""TensorBoardObserver: scalars and histograms of layers and training in an event file that TensorBoard opens."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Size
from loom_py.errors import uncopyable
from loom_py.observers.formats.tensorboard import create_event_file, write_record
from loom_py.observers.formats.tfevents import EventFileWriter
from loom_py.observers.records.rows import AnyRecord
from loom_py.telemetry.events import LayerStats, TrainingEvent, TweenStep
from loom_py.telemetry.observer import LoomObserver


class TensorBoardObserver(LoomObserver):
    """Writes an event file.

    Tags: `output_mean/0 Dense`, `gradient_norm/0 Dense`, `parameter_gradient_norm/0 Dense weight`, `train/loss`,
    `tween/loss`, `tween_link_budget/0`; histograms: `output/0 Dense`, `output_gradient/0 Dense`.

    Attributes:
        path: the event file.
    """

    __reduce_ex__ = uncopyable("an open file", "make a new observer with a folder of its own")

    @checked
    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        *,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
        histograms: bool = False,
    ) -> None:
        """Create the event file, and the folder if it is missing.

        Args:
            log_dir: folder of this run's event files.
            every: write layers at every N-th run of the network.
            budget: share of the running time that observation may take, such as 0.05; None is no limit.
            layers: write these layer paths only; None is all.
            histograms: write histograms of outputs and their gradients too.

        Raises:
            ConfigError: an option is out of range.
            OSError: the folder can't be created or written.
        """
        super().__init__(every=every, budget=budget, layers=layers, histograms=histograms)
        self.path, self._file = create_event_file(Path(log_dir))
        self._writer = EventFileWriter(self._file, time.time())

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Write the layer's statistics."""
        self._write(stats)

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Write the layer's gradient statistics."""
        self._write(stats)

    def on_training_event(self, event: TrainingEvent) -> None:
        """Write the event's numbers; at the end of an epoch the file is flushed."""
        self._write(event)
        if event.type in ("epoch_end", "train_end"):
            self.flush()

    def on_tween_step(self, step: TweenStep) -> None:
        """Write the step's numbers, and those of each layer and its target."""
        self._write(step)

    def flush(self) -> None:
        """Flush the file, for a TensorBoard that reads it during training."""
        if not self._file.closed:
            self._file.flush()

    def _release(self) -> None:
        self._file.close()

    def _write(self, record: AnyRecord) -> None:
        if not self._closed:
            write_record(self._writer, record)
