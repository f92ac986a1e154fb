"""Observer: the base of everything that watches a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Size
from loom_py.errors import ConfigError
from loom_py.introspect.introspectable import Introspectable
from loom_py.introspect.markers import internal
from loom_py.telemetry.events import LayerStats, TrainingEvent, TweenStep
from loom_py.telemetry.frame import StatsFrame, records_of


class Observer:
    """Base of everything that watches a network; override what you need.

    Return values are ignored and arguments are copies, so an observer can't change the run. One that raises is
    reported once and detached; training goes on.

    Attributes:
        every: deliver layer statistics at every N-th run of the network (1 = all).
        budget: deliver them as often as fits in this share of run time (0.05 = 5 %), measured continuously, and at most
            every N-th run; None for no limit.
        measured_share: the share of run time that they take now; None without a budget or before it was measured.
        layers: deliver only these layer paths (None = all).
        output_values: ask for a copy of each layer's outputs, and of their gradients, in `LayerStats.output_values`.
        output_samples: ask for those of the first samples of a batch in the forward pass, within 16 KiB a layer.
        histograms: ask for `LayerStats.histogram`.
    """

    every: int = 1
    budget: float | None = None
    measured_share: float | None = None
    layers: frozenset[str] | None = None
    output_values: bool = False
    output_samples: bool = False
    histograms: bool = False

    @checked
    def __init__(
        self,
        *,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
        output_values: bool = False,
        histograms: bool = False,
    ) -> None:
        """Choose what is delivered; a subclass without its own constructor has these options too.

        Raises:
            ConfigError: `every` is less than 1, `budget` is no share, or `layers` is a text instead of a list of paths.
        """
        if isinstance(layers, str):
            raise ConfigError.expected("layers", expected="a list of paths", got=repr(layers), do=f"pass [{layers!r}]")
        self.every = every
        self.budget = budget
        self.layers = None if layers is None else frozenset(str(path) for path in layers)
        self.output_values = output_values
        self.histograms = histograms

    def __init_subclass__(cls, **options: Any) -> None:
        """A class that handles records gets records, even if it inherits from one that takes whole frames."""
        super().__init_subclass__(**options)
        if "on_frame" not in vars(cls) and {"on_layer_forward", "on_layer_backward"} & vars(cls).keys():
            cls.on_frame = Observer.on_frame  # type: ignore[method-assign]

    @internal
    def on_frame(self, frame: StatsFrame) -> None:
        """Take the numbers of a run as they are; here each layer's record is made and passed to the methods below."""
        for stats in records_of([frame]):
            handler = self.on_layer_forward if stats.phase == "forward" else self.on_layer_backward
            handler(stats.layer_index, stats)

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Called after a layer's forward pass was measured."""

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Called after a layer's backward pass was measured."""

    def on_training_event(self, event: TrainingEvent) -> None:
        """Called when something happens in a training run."""

    def on_tween_step(self, step: TweenStep) -> None:
        """Called after each step of neural tweening, or every N-th by `every`, with the views of `layers`."""

    @internal
    def on_run_data(self, data: Any) -> None:
        """Called before the first step of a run whose samples are all known, with its data and options."""

    def on_attach(self, blueprint: object, config: Mapping[str, Any]) -> None:
        """Called with the network's blueprint and config when the observer is attached and when they change."""

    def flush(self) -> None:
        """Deliver what is still held back."""

    def close(self) -> None:
        """Flush and release what the observer holds; called once at the end."""

    def __enter__(self) -> Self:
        """Use the observer in a `with` block, which closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the observer at the end of the block; an error goes on its way."""
        self.close()


class LoomObserver(Observer, Introspectable):
    """Base of the observers of this package: introspectable, and closed only once. Options are those of `Observer`."""

    _closed: bool = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Deliver what is held back and release what the observer holds; further calls do nothing."""
        if not self._closed:
            self._closed = True
            self._release()

    def _release(self) -> None:
        """Flush and free; called once. Overridden by observers that hold something."""
        self.flush()
