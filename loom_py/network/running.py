"""Running a network forward and backward by hand, and telling its observers."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import NamedTuple, TypeVar

import numpy as np

from loom_py.config.options import OptionsConfig
from loom_py.engine.compile import StepOptions
from loom_py.engine.in_flight import Flight, Ready, StepResult
from loom_py.engine.inputs import Feed, read_input, read_mask
from loom_py.errors import ConfigError, DataError, ShapeError, StateError
from loom_py.executors.base import Executor, Results
from loom_py.executors.choose import executor_for
from loom_py.introspect import available_when, internal
from loom_py.losses import CrossEntropy
from loom_py.network.device import choose
from loom_py.network.shadow import Shadow
from loom_py.network.structure import Pending, Structure
from loom_py.optimizers import Optimizer, OptimizerName, resolve_optimizer
from loom_py.shapes import AnyArray, Array, ArrayLike
from loom_py.telemetry.events import Observer
from loom_py.telemetry.instrument import Moment, Watch

Outcome = TypeVar("Outcome")


class ForwardResult(NamedTuple):
    """What a forward pass gives."""

    output: Array
    """Output (B, …), or without the batch axis when a single sample was given."""
    duration_ns: int
    """Wall clock of the pass, nanoseconds."""


class BackwardResult(NamedTuple):
    """What a backward pass gives."""

    input_gradient: Array | None
    """Gradient with respect to the input, in its shape; None where the input is integer ids."""
    duration_ns: int
    """Wall clock of the pass, nanoseconds."""


class StepUnderWay(NamedTuple):
    """A training step that was begun, and who is to hear of it."""

    flight: Flight
    moment: Moment
    listeners: list[Observer]
    spent_ns: int


class Running(Structure):
    """Forward, backward and update by hand."""

    _shadow: Shadow | None = None

    def forward(self, x: ArrayLike, *, mask: ArrayLike | None = None) -> Array:
        """The output for an input, on the active device, nothing kept for a backward pass.

        Args:
            x: a batch (B, …) or a single sample.
            mask: (B, N) or, for a single sample, (N): 1 where there is something, 0 where there is padding, for layers
                that heed it; N is the input's first axis. None: nothing is padding.

        Returns:
            The output, batch first; without the batch axis for a single sample.

        Raises:
            ShapeError: the input does not have the network's input shape.
            DataError: it is not numbers, or not finite.
        """
        feed, single = self.read_feed(x, mask)
        watch, listeners = self.dispatcher.due(self._runs)
        ready = self.engine.inference(feed.form, watch)
        self._run_forward(ready, feed, None, listeners)
        output = ready.loaded.read("output")
        return output[0] if single else output

    def forward_cpu(self, x: ArrayLike, *, training: bool = False, mask: ArrayLike | None = None) -> ForwardResult:
        """The output for an input, keeping what `backward_cpu` needs.

        Args:
            x: a batch (B, …) or a single sample.
            training: whether dropout drops and batch statistics are used.
            mask: 1 where there is something, 0 where there is padding, as for `forward`.

        Raises:
            ShapeError: the input does not have the network's input shape.
            DataError: it is not numbers, or not finite.
        """
        began = perf_counter_ns()
        feed, single = self.read_feed(x, mask)
        watch, listeners = self.dispatcher.due(self._runs)
        ready = self.engine.manual(feed.form, training, watch)
        self._run_forward(ready, feed, "forward", listeners)
        self._pending = Pending(ready, listeners, single)
        output = ready.loaded.read("output")
        return ForwardResult(output[0] if single else output, perf_counter_ns() - began)

    @available_when(lambda self: self.gpu_unavailable_reason)
    def forward_gpu(self, x: ArrayLike) -> ForwardResult:
        """The output for an input, computed on the GPU.

        Args:
            x: a batch (B, …) or a single sample.

        Raises:
            UnavailableError: there is no usable WebGPU device; the text says why.
        """
        began = perf_counter_ns()
        if self.engine.executor.name == "webgpu":
            return ForwardResult(self.forward(x), perf_counter_ns() - began)
        feed, single = self.read_feed(x, None)
        watch, listeners = self.dispatcher.due(self._runs)
        if self._shadow is None or self._shadow.engine is not self.engine:
            self._shadow = Shadow(self.engine, executor_for("webgpu"))
        ready = self._shadow.run(feed, watch)
        self._runs += 1
        self._last_input = feed
        self._deliver(ready, Moment(self.engine.steps), listeners, ("forward",))
        output = ready.loaded.read("output")
        return ForwardResult(output[0] if single else output, perf_counter_ns() - began)

    @property
    def gpu_unavailable_reason(self) -> str | None:
        """Why the GPU can't be used; None if it can."""
        from loom_py.executors.webgpu.find import gpu_unavailable_reason  # a page pays for every module at its start

        return gpu_unavailable_reason()

    def backward_cpu(self, grad: ArrayLike) -> BackwardResult:
        """Gradients of everything from the gradient of the last `forward_cpu`'s output.

        They are kept for `apply_gradients`, `gradients` and telemetry.

        Args:
            grad: gradient of the loss with respect to the output, in the output's shape.

        Raises:
            StateError: no `forward_cpu` came before, or its backward pass was made already.
            ShapeError: the gradient does not have the output's shape.
        """
        began = perf_counter_ns()
        if self._pending is None:
            raise StateError("backward_cpu: expected a forward_cpu before it, got none; call forward_cpu(x) first")
        pending = self._pending
        loaded = pending.ready.loaded
        wanted = loaded.program.buffers[loaded.program.inputs["output_gradient"]].spec.shape
        array = np.asarray(grad, np.float32)
        array = array[None] if pending.single and array.shape == wanted[1:] else array
        if array.shape != wanted:
            raise ShapeError.expected(
                "output gradient", expected=wanted[1:] if pending.single else wanted, got=array.shape
            )
        loaded.write("output_gradient", array)
        loaded.run("backward", timed=bool(pending.listeners))
        self._pending = None
        self.engine.has_gradients = True
        self._deliver(pending.ready, Moment(self.engine.steps), pending.listeners, ("backward",))
        dx = loaded.read("input_gradient") if "input_gradient" in loaded.program.outputs else None
        return BackwardResult(dx[0] if pending.single and dx is not None else dx, perf_counter_ns() - began)

    def apply_gradients(self, learning_rate: float) -> None:
        """Update the parameters from the last backward pass's gradients, by the network's optimizer.

        Args:
            learning_rate: step size, 0 or more.

        Raises:
            StateError: there are no gradients yet.
            DataError: a gradient is not finite; nothing is changed.
            ConfigError: the rate is negative or not a number.
        """
        if not isinstance(learning_rate, int | float) or not 0 <= learning_rate < float("inf"):
            raise ConfigError.expected(
                "learning_rate", expected="a finite number of at least 0", got=repr(learning_rate)
            )
        if not self.engine.has_gradients:
            raise StateError("apply_gradients: expected gradients, got none; call forward_cpu and backward_cpu first")
        result = self.engine.update(learning_rate, StepOptions(CrossEntropy(), self._optimizer))
        if not result.ok:
            bad = [name for name, g in self.gradients().items() if not np.isfinite(g).all()]
            raise DataError.expected(
                "gradients", expected="finite numbers", got=f"NaN or infinity in {', '.join(bad)}",
                do="lower the learning rate or clip; the parameters are unchanged",
            )  # fmt: skip

    def set_optimizer(self, optimizer: Optimizer | OptimizerName | OptionsConfig) -> None:
        """Choose what `apply_gradients` updates by: "sgd" (as it begins), "adam", … or an optimizer with options.

        Raises:
            ConfigError: unknown name or option, a value out of range.
        """
        self._optimizer = resolve_optimizer(optimizer)

    @internal
    def read_input(self, x: ArrayLike) -> tuple[AnyArray, bool]:
        """An input as a batch, and whether it was a single sample; raises ShapeError, DataError."""
        return read_input(x, self.input_shape, ids=self.engine.compiler.ids)

    @internal
    def read_feed(self, x: ArrayLike, mask: ArrayLike | None) -> tuple[Feed, bool]:
        """An input and its mask, and whether it was a single sample; raises ShapeError, DataError."""
        batch, single = self.read_input(x)
        return Feed(batch, mask=read_mask(mask, batch, single=single)), single

    @internal
    def begin_step(self, feed: Feed, rate: float, options: StepOptions, epoch: int = 0, batch: int = 0) -> StepUnderWay:
        """Begin a training step on checked arrays; up to the executor's `depth` more may be begun before it ends."""
        if self._undecided:
            self._decide(feed, options)
        began = perf_counter_ns()
        watch, listeners = self.dispatcher.due(self._runs)
        moment = Moment(self.engine.steps, epoch, batch)
        flight = self.engine.begin(feed, rate, options, watch)
        self._runs += 1
        self._last_input = feed
        return StepUnderWay(flight, moment, listeners, perf_counter_ns() - began)

    @internal
    def finish_step(self, step: StepUnderWay) -> StepResult:
        """What a step left, when it is there; delivers to the observers that were due when it began."""
        began, flight = perf_counter_ns(), step.flight
        result = self.engine.finish(flight)
        self._deliver(flight.ready, step.moment, step.listeners, ("forward", "backward"), flight.results)
        self.dispatcher.note(step.listeners, step.spent_ns + perf_counter_ns() - began)
        return result

    @internal
    def watched_step(
        self, feed: Feed, step: Callable[[Watch | None], tuple[Outcome, Ready]], epoch: int, batch: int
    ) -> Outcome:
        """Do a training step of any kind, watched as the observers that are due want it, and deliver to them."""
        began = perf_counter_ns()
        watch, listeners = self.dispatcher.due(self._runs)
        moment = Moment(self.engine.steps, epoch, batch)
        outcome, ready = step(watch)
        self._runs += 1
        self._last_input = feed
        self._deliver(ready, moment, listeners, ("forward", "backward"))
        self.dispatcher.note(listeners, perf_counter_ns() - began)
        return outcome

    def _run_forward(self, ready: Ready, feed: Feed, segment: str | None, listeners: list[Observer]) -> None:
        began = perf_counter_ns()
        self.engine.write_feed(ready.loaded, feed)
        ready.loaded.run(segment, timed=bool(listeners))
        self._runs += 1
        self._last_input = feed
        self._deliver(ready, Moment(self.engine.steps), listeners, ("forward",))
        self.dispatcher.note(listeners, perf_counter_ns() - began)

    def _decide(self, feed: Feed, options: StepOptions) -> None:
        """Let `auto` try whether the GPU trains this network faster."""
        self._undecided = False
        self._device_reason = f"auto: there is no GPU to try: {self.gpu_unavailable_reason}"
        if self.gpu_unavailable_reason is None:
            gpu = executor_for("webgpu")
            if gpu.software:
                self._device_reason = "auto: the only GPU there is is played by the processor"
                return
            choice = choose(self.engine, gpu, feed, options)
            self._device_reason = f"auto: {choice.reason}"
            self._move_to(choice.executor)

    def _move_to(self, executor: Executor) -> None:
        if executor is not self._executor or (self._engine is not None and executor is not self._engine.executor):
            if self._engine is not None:
                self._engine.move_to(executor)
            self._executor = executor
            self._pending = None

    def _deliver(
        self,
        ready: Ready,
        moment: Moment,
        listeners: list[Observer],
        phases: tuple[str, ...],
        results: Results | None = None,
    ) -> None:
        if listeners:
            run = self.engine.watched(ready, moment, self._seq, phases, results)
            self._update_ratios.note(run)
            self._seq += len(run)
            self.dispatcher.layer_run(listeners, run)
