"""watch_torch: a PyTorch model observed while it trains."""

from __future__ import annotations

from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from loom_py.introspect import internal
from loom_py.telemetry.dispatch import Dispatcher
from loom_py.telemetry.events import EventType, TrainingEvent
from loom_py.telemetry.instrument import StatsRequest
from loom_py.telemetry.observer import Observer
from loom_py.watch.fit_for import check
from loom_py.watch.hooks import Hooks, Target
from loom_py.watch.layers import blueprint_of
from loom_py.watch.losses import EpochMeans, StepEvents
from loom_py.watch.records import StepReader

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


@internal
def watch_torch(
    model: nn.Module, optimizer: Optimizer, *observers: Observer, loss: nn.Module | None = None, scaler: Any = None
) -> TorchWatch:
    """Observe a PyTorch model while it trains: records, events and findings as for a network of this library.

    Hooks measure each module that computes: its outputs, the gradient that reaches them, its arrays, their gradients
    before clipping and their updates. They change nothing that flows and draw no random numbers: a watched run gives
    the same bits. A step ends with `optimizer.step()` and may have several passes before it. Passes in evaluation mode
    or without gradients are not measured, nor is what happens between modules, as in `torch.nn.functional`.

    A measured step keeps a copy of the parameters during the update. `every` and `budget` of the observers bound the
    cost.

    Args:
        model: the model; layers have PyTorch's paths, such as "encoder.0.linear".
        optimizer: its optimizer.
        observers: at least one.
        loss: the module that computes the loss, such as `nn.CrossEntropyLoss()`; else tell losses by `TorchWatch.log`.
        scaler: the `GradScaler` of mixed precision, by whose scale gradients are divided.

    Returns:
        The watch: close it, or use it in a `with` block.

    Raises:
        ConfigError: the model can't be watched, its arrays are not the optimizer's, or there is no observer.
        UnavailableError: PyTorch is not installed, or the model is compiled.
    """
    check(model, optimizer, observers, loss)
    return TorchWatch(Target(model, optimizer, loss, scaler), observers)


class TorchWatch:
    """A PyTorch model under observation.

    Attributes:
        step: updates since the watch began.
        epoch: epochs ended by `end_epoch`.
    """

    def __init__(self, target: Target, observers: tuple[Observer, ...]) -> None:
        """Called by `watch_torch`."""
        self.step = self.epoch = 0
        self._batch = self._seq = 0
        self._target = target
        self._dispatcher = Dispatcher()
        self._dispatcher.observers = list(observers)
        self._listeners: list[Observer] = []
        self._attached: set[str] = set()
        self._began_ns = 0
        self._events, self._means = StepEvents(), EpochMeans()
        self._closed = False
        self._hooks = Hooks(target, self)

    @property
    def layers(self) -> tuple[str, ...]:
        """Paths of the modules that are watched."""
        return tuple(layer.path for layer in self._hooks.layers)

    def log(self, *, loss: float | Tensor | None = None, accuracy: float | None = None) -> None:
        """Tell results of the step under way, before `optimizer.step()`.

        Args:
            loss: mean loss of the batch; a tensor is read after the step.
            accuracy: share of correct classes, between 0 and 1.
        """
        self._events.log(loss if isinstance(loss, float | int | None) else loss.detach(), accuracy)

    def validation(self, *, loss: float | None = None, accuracy: float | None = None) -> None:
        """Tell results on samples that are not trained on, by which overfitting is judged.

        Args:
            loss: mean loss.
            accuracy: share of correct classes, between 0 and 1.
        """
        self._flush()
        self._emit("validation", loss=loss, accuracy=accuracy)

    def end_epoch(self) -> None:
        """Tell that an epoch has ended; rules about progress look at whole epochs."""
        self._flush()
        self._emit("epoch_end", **self._means.take())
        self.epoch, self._batch = self.epoch + 1, 0

    def close(self) -> None:
        """Take the hooks out of the model and tell the observers that training has ended; they stay open."""
        if not self._closed:
            self._closed = True
            self._hooks.remove()
            self._flush()
            self._emit("train_end", **self._means.take())
            for observer in self._dispatcher.observers:
                observer.flush()

    def __enter__(self) -> Self:
        """Watch in a `with` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the watch at the end of the block; an error goes on its way."""
        self.close()

    # -- what the hooks call

    def begin(self) -> StatsRequest | None:
        """A step begins."""
        if not self._began_ns:
            self._emit("train_start")
        self._began_ns = perf_counter_ns()
        request, self._listeners = self._dispatcher.due(self.step)
        return request

    def loss(self, value: Tensor) -> None:
        """The loss of a pass."""
        self._events.log(value, None)

    def end(self) -> None:
        """A step has ended: its records, then its event."""
        gradient_norm = self._deliver() if self._hooks.measuring else None
        self._dispatcher.note(self._listeners, perf_counter_ns() - self._began_ns)
        self.step += 1
        self._events.add(
            step=self.step,
            epoch=self.epoch,
            batch=self._batch,
            learning_rate=float(self._target.optimizer.param_groups[0]["lr"]),
            gradient_norm=gradient_norm,
        )
        self._batch += 1
        if self._hooks.measuring or self._events.at_once:
            self._flush()

    def _deliver(self) -> float:
        reader = StepReader(self._hooks.ran, self._hooks.backward, self._hooks.norms)
        self._attach()
        for record in reader.records(step=self.step, epoch=self.epoch, batch=self._batch):
            record.seq, self._seq = self._seq, self._seq + 1
            self._dispatcher.record(self._listeners, record)
        return reader.gradient_norm

    def _attach(self) -> None:
        """Tell the structure, which only a whole pass shows, and again when a pass shows more."""
        ran = self._hooks.ran
        if {layer.path for layer in ran} <= self._attached:
            return
        self._attached |= {layer.path for layer in ran}
        for number, layer in enumerate(ran):
            layer.index = number
        blueprint = blueprint_of(self._target.model, ran)
        for observer in self._dispatcher.observers:
            self._dispatcher.attached(observer, blueprint, {"library": "torch"})

    def _flush(self) -> None:
        for facts in self._events.take():
            self._means.add(facts)
            self._emit("batch_end", **facts)

    def _emit(self, kind: EventType, **facts: Any) -> None:
        place = {"step": self.step, "epoch": self.epoch, "time_ns": time_ns()}
        self._dispatcher.event(TrainingEvent(type=kind, **place | facts))
