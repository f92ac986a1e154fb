"""Forward, backward and update by hand, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np

from loom_py.arrays import read_numbers
from loom_py.config.fields import LARGEST_FLOAT, plain_numbers
from loom_py.engine.anomaly import overflow_text
from loom_py.engine.compile import StepOptions
from loom_py.engine.engine import Engine
from loom_py.engine.in_flight import Ready
from loom_py.engine.inputs import Feed
from loom_py.engine.layout import GRADIENTS, read_all
from loom_py.errors import ConfigError, DataError, ShapeError, StateError
from loom_py.interrupts import deferrable, held
from loom_py.losses import CrossEntropy
from loom_py.network.steps import Steps
from loom_py.optimizers import Optimizer, resolve_optimizer
from loom_py.shapes import AnyArray, Array, ArrayLike
from loom_py.telemetry.instrument import StepInfo
from loom_py.telemetry.observer import Observer


class ForwardResult(NamedTuple):
    """Output and duration of a forward pass."""

    output: Array
    """Output (B, …), or without the batch axis when a single sample was given."""
    duration_ns: int
    """Wall clock of the pass, nanoseconds."""


class BackwardResult(NamedTuple):
    """Input gradient and duration of a backward pass."""

    input_gradient: Array | None
    """Gradient with respect to the input, in its shape; None where the input is integer ids."""
    duration_ns: int
    """Wall clock of the pass, nanoseconds."""


@dataclass(slots=True)
class Pending:
    """A forward pass whose backward pass may follow."""

    ready: Ready
    listeners: list[Observer]
    single: bool


class Manual:
    """The passes of a network on checked arrays; `Network`'s methods of these names say what they raise.

    Attributes:
        pending: the last `forward_cpu`, until its backward pass.
        optimizer: of `apply_gradients`.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.pending: Pending | None = None
        self._passes = 0  # in training mode: each has its own random draws
        self.optimizer: Optimizer = resolve_optimizer("sgd")

    def forward(self, engine: Engine, feed: Feed) -> Array:
        """Output (B, …), nothing kept for a backward pass."""
        request, listeners = self._steps.due()
        ready = engine.inference(feed.form, request)
        self._steps.run_forward(engine, ready, feed, None, listeners)
        return ready.loaded.read("output")

    def forward_cpu(self, engine: Engine, feed: Feed, *, training: bool, single: bool) -> Array:
        """Output (B, …), with what `backward_cpu` needs kept."""
        request, listeners = self._steps.due()
        ready = engine.manual(feed.form, training, request)
        self._steps.run_forward(engine, ready, feed, "forward", listeners, self._passes)
        self._passes += training
        self.pending = Pending(ready, listeners, single)
        return ready.loaded.read("output")

    def backward_cpu(self, engine: Engine, grad: ArrayLike) -> BackwardResult:
        """Gradients of everything from the gradient of the last `forward_cpu`'s output."""
        started = perf_counter_ns()
        if self.pending is None:
            raise StateError("backward_cpu: expected a forward_cpu before it, got none; call forward_cpu(x) first")
        pending = self.pending
        loaded = pending.ready.loaded
        loaded.write("output_gradient", _output_gradient(pending, grad))
        loaded.run("backward", timed=bool(pending.listeners))
        self.pending = None
        engine.has_gradients = True
        self._steps.deliver(engine, pending.ready, StepInfo(engine.steps), pending.listeners, ("backward",))
        dx = loaded.read("input_gradient") if "input_gradient" in loaded.program.outputs else None
        return BackwardResult(dx[0] if pending.single and dx is not None else dx, perf_counter_ns() - started)

    def apply_gradients(self, engine: Engine, learning_rate: float) -> None:
        """Update the parameters from the last backward pass's gradients."""
        learning_rate = plain_numbers(learning_rate)
        if not isinstance(learning_rate, int | float) or not 0 <= learning_rate <= LARGEST_FLOAT:
            raise ConfigError.expected(
                "learning_rate", expected="a finite number of at least 0", got=repr(learning_rate)
            )
        if not engine.has_gradients:
            raise StateError("apply_gradients: expected gradients, got none; call forward_cpu and backward_cpu first")
        with deferrable(), held:
            result = engine.update(learning_rate, StepOptions(CrossEntropy(), self.optimizer))
        if result.infinite:
            raise DataError.expected(
                f"update at learning rate {learning_rate:g}", expected="finite parameters and optimizer state",
                got=f"NaN or infinity in {overflow_text(result.infinite)}",
                do="lower the learning rate; the parameters are unchanged",
            )  # fmt: skip
        if not result.ok:
            gradients = read_all(engine.memory, engine.layout.trained, GRADIENTS)
            bad = [name for name, g in gradients.items() if not np.isfinite(g).all()]
            raise DataError.expected(
                "gradients", expected="finite numbers", got=f"NaN or infinity in {', '.join(bad)}",
                do="lower the learning rate or clip; the parameters are unchanged",
            )  # fmt: skip


def _output_gradient(pending: Pending, grad: ArrayLike) -> AnyArray:
    """The gradient as a batch; raises ShapeError, DataError."""
    program = pending.ready.loaded.program
    wanted = program.buffers[program.inputs["output_gradient"]].spec.shape
    with np.errstate(over="ignore"):  # what float32 does not have becomes infinite
        array = read_numbers("output gradient", grad).astype(np.float32)
    array = array[None] if pending.single and array.shape == wanted[1:] else array
    if array.shape != wanted:
        raise ShapeError.expected("output gradient", expected=wanted[1:] if pending.single else wanted, got=array.shape)
    return array
