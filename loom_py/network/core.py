"""The network without training and files: structure, passes by hand, device, telemetry and observers."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from html import escape
from time import perf_counter_ns
from typing import Any

from loom_py.config.options import OptionsConfig
from loom_py.engine.compile import StepOptions
from loom_py.engine.engine import Engine
from loom_py.engine.in_flight import InFlightStep, Ready, StepResult
from loom_py.engine.inputs import Feed, check_mask_use, read_input, read_mask
from loom_py.engine.layout import GRADIENTS, read_all
from loom_py.errors import ConfigError, DataError, LoomError
from loom_py.executors.base import Executor
from loom_py.executors.choose import executor_for
from loom_py.introspect import Introspectable, available_when, internal
from loom_py.layers import Layer
from loom_py.network import device
from loom_py.network.blueprint import Blueprint, make_blueprint
from loom_py.network.device import Device, DeviceChoice, ForwardElsewhere
from loom_py.network.grid import Grid, NetworkConfig, read_seed, read_shape
from loom_py.network.lock import OneRun, exclusive
from loom_py.network.manual import BackwardResult, ForwardResult, Manual
from loom_py.network.report import Telemetry, make_telemetry
from loom_py.network.steps import Outcome, Steps
from loom_py.optimizers import Optimizer, OptimizerName, resolve_optimizer
from loom_py.shapes import Array, ArrayLike, Shape, shape_text
from loom_py.telemetry.dispatch import Dispatcher
from loom_py.telemetry.instrument import StatsRequest
from loom_py.telemetry.observer import Observer


class NetworkCore(Introspectable):
    """Structure, passes by hand, device, telemetry and observers; `Network` adds training and files.

    Threads may share a network: each call has it alone, and a training run holds it step by step. Calls that belong
    together, such as `forward_cpu` and `backward_cpu`, are kept together by `with net.lock:`.

    The work is done by collaborators: `Steps` runs and delivers, `Manual` keeps the state of passes by hand,
    `DeviceChoice` knows the device.

    Attributes:
        epochs: training epochs started so far, in all runs; the next one's shuffling follows from it.
    """

    def __init__(
        self,
        input_shape: int | Sequence[int],
        rows: int = 1,
        cols: int = 1,
        layers_per_cell: int = 1,
        *,
        seed: int | None = None,
    ) -> None:
        """Make an empty grid; fill it with `set_layer`.

        Args:
            input_shape: shape of one sample, without the batch axis; a number for a vector.
            rows: rows of cells.
            cols: columns of cells.
            layers_per_cell: slots of each cell.
            seed: seed of initial parameters and dropout; None draws one.

        Raises:
            ConfigError: a value is out of range.
        """
        self._assemble(NetworkConfig(read_shape(input_shape), Grid(rows, cols, layers_per_cell), read_seed(seed)))

    def _assemble(self, config: NetworkConfig) -> None:
        self.input_shape: Shape = config.input_shape
        self.grid = config.grid
        self.seed: int = secrets.randbits(32) if config.seed is None else config.seed
        self.model_id = "model"
        self.epochs = 0
        self.dispatcher = Dispatcher()
        self._engine: Engine | None = None
        self._stale = False
        self._choice = DeviceChoice()
        self._elsewhere: ForwardElsewhere | None = None
        self._steps = Steps(self.dispatcher)
        self._manual = Manual(self._steps)
        self.lock = threading.RLock()
        self.one_run = OneRun()
        self._assembled = frozenset((*vars(self), "_assembled"))

    def __repr__(self) -> str:
        """Name, input and layers, such as "<Network model: 2 → Dense, LayerNorm, Dense>"."""
        kinds = ", ".join(type(layer).__name__ for layer in self.grid.layers)
        return f"<{type(self).__name__} {self.model_id}: {shape_text(self.input_shape)} → {kinds}>"

    def _repr_html_(self) -> str:
        """The table that a notebook shows; the layers in words while they do not fit together."""
        try:
            return self.get_blueprint()._repr_html_()
        except LoomError as error:
            text = f"{self!r}\n{error}"
            return f"<pre>{escape(text)}</pre>"

    # structure -----------------------------------------------------------------------------------------------------

    @exclusive
    def set_layer(self, row: int, col: int, layer: int, what: Layer) -> None:
        """Put a layer into a slot of the grid. Trained values of the other layers are kept.

        Args:
            row: row of the cell.
            col: column of the cell.
            layer: slot in the cell.
            what: the layer, such as `Dense(64, 10)`.

        Raises:
            ConfigError: there is no such slot, or it is no layer.
        """
        self.grid.place(row, col, layer, what)
        self._stale = True
        self._manual.pending = None

    def to_config(self) -> dict[str, Any]:
        """The network as plain data, from which `from_config` rebuilds it."""
        g = self.grid
        return {
            "input_shape": list(self.input_shape),
            "grid": {"rows": g.rows, "cols": g.cols, "layers_per_cell": g.layers_per_cell},
            "seed": self.seed,
            "layers": [layer.to_config() for layer in g.layers],
        }

    @exclusive
    def get_blueprint(self) -> Blueprint:
        """Structure of the network: grid, layers, shapes, parameters, FLOPs.

        Raises:
            ShapeError: a layer does not fit the output before it.
        """
        return make_blueprint(self.build(), self.grid, self.input_shape, self.model_id)

    @internal
    @exclusive
    def build(self) -> Engine:
        """Memory and Programs for the current layers; built on first use and after `set_layer`.

        Raises:
            ShapeError: a layer does not fit the output before it.
        """
        if self._engine is None or self._stale:
            executor = self._choice.executor if self._engine is None else self._engine.executor  # it may have been lost
            engine = Engine(list(self.grid.slots()), self.seed, executor)
            engine.compiler.survey((1, *self.input_shape))
            if self._engine is not None:
                engine.take_over(self._engine)
            self._engine, self._stale = engine, False
            for observer in list(self.dispatcher.observers):
                self.dispatcher.attached(observer, self.get_blueprint(), self.to_config())
        return self._engine

    @property
    @internal
    def engine(self) -> Engine:
        """The engine that `build` gives."""
        return self.build()

    # arrays --------------------------------------------------------------------------------------------------------

    @exclusive
    def parameters(self) -> dict[str, Array]:
        """Copies of all arrays of the layers by full name, such as "0.weight", buffers included."""
        return read_all(self.engine.memory, self.engine.layout.places.values())

    @exclusive
    def gradients(self) -> dict[str, Array]:
        """Copies of the last backward pass's gradients by full name; zeros before the first."""
        return read_all(self.engine.memory, self.engine.layout.trained, GRADIENTS)

    @exclusive
    def set_parameters(self, values: Mapping[str, ArrayLike]) -> None:
        """Overwrite some or all arrays; all are checked before any is changed.

        Args:
            values: arrays by full name, such as "0.weight".

        Raises:
            StateError: there is no such array. ShapeError: another shape. DataError: not finite numbers,
                or negative ones for a variance.
        """
        if not isinstance(values, Mapping):
            raise DataError.expected(
                "parameters", expected='a dict of arrays by name, such as {"0.weight": …}', got=type(values).__name__
            )
        self.engine.write_parameters(dict(values))

    @exclusive
    def reset_states(self) -> None:
        """Zero the states that recurrent layers carry between runs, so that the next run starts a new sequence."""
        self.engine.reset_states()

    # passes --------------------------------------------------------------------------------------------------------

    @exclusive
    def forward(self, x: ArrayLike, *, mask: ArrayLike | None = None) -> Array:
        """The output for an input, on the active device, with nothing kept for a backward pass.

        Args:
            x: a batch (B, …) or a single sample.
            mask: (B, N) or, for a single sample, (N): 1 for real entries and 0 for padding, for layers that use it; N
                is the input's first axis. None: nothing is padding.

        Returns:
            The output, batch first; without the batch axis for a single sample.

        Raises:
            ShapeError: the input does not have the network's input shape.
            DataError: it is not numbers, or not finite; or a mask that no layer uses, or that a layer would ignore.
        """
        feed, single = self.read_feed(x, mask)
        output = self._manual.forward(self.engine, feed)
        return output[0] if single else output

    @exclusive
    def forward_cpu(self, x: ArrayLike, *, training: bool = False, mask: ArrayLike | None = None) -> ForwardResult:
        """The output for an input, with what `backward_cpu` needs kept.

        Args:
            x: a batch (B, …) or a single sample.
            training: whether dropout drops and batch statistics are used.
            mask: 1 for real entries, 0 for padding, as for `forward`.

        Raises:
            ShapeError: the input does not have the network's input shape.
            DataError: it is not numbers, or not finite.
        """
        started = perf_counter_ns()
        feed, single = self.read_feed(x, mask)
        output = self._manual.forward_cpu(self.engine, feed, training=training, single=single)
        return ForwardResult(output[0] if single else output, perf_counter_ns() - started)

    @available_when(lambda self: self.gpu_unavailable_reason)
    @exclusive
    def forward_gpu(self, x: ArrayLike) -> ForwardResult:
        """The output for an input, computed on the GPU.

        Args:
            x: a batch (B, …) or a single sample.

        Raises:
            UnavailableError: there is no usable WebGPU device; the text says why.
        """
        started, engine = perf_counter_ns(), self.build()
        if engine.executor.name == "webgpu":
            return ForwardResult(self.forward(x), perf_counter_ns() - started)
        feed, single = self.read_feed(x, None)
        request, listeners = self._steps.due()
        if self._elsewhere is None or self._elsewhere.engine is not engine:
            self._elsewhere = ForwardElsewhere(engine, executor_for("webgpu"))
        ready = self._elsewhere.run(feed, request)
        self._steps.deliver_forward(engine, ready, feed, listeners)
        output = ready.loaded.read("output")
        return ForwardResult(output[0] if single else output, perf_counter_ns() - started)

    @exclusive
    def backward_cpu(self, grad: ArrayLike) -> BackwardResult:
        """Gradients of everything from the gradient of the last `forward_cpu`'s output.

        They are kept for `apply_gradients`, `gradients` and telemetry.

        Args:
            grad: gradient of the loss with respect to the output, in the output's shape.

        Raises:
            StateError: no `forward_cpu` came before, or its backward pass is done.
            ShapeError: the gradient does not have the output's shape.
            DataError: it holds no numbers.
        """
        return self._manual.backward_cpu(self.engine, grad)

    @exclusive
    def apply_gradients(self, learning_rate: float) -> None:
        """Update the parameters from the last backward pass's gradients, by the network's optimizer.

        Args:
            learning_rate: step size, 0 or more.

        Raises:
            StateError: there are no gradients yet.
            DataError: a gradient is not finite, or a parameter would not be after the update; nothing is changed.
            ConfigError: the rate is negative or not a number.
        """
        self._manual.apply_gradients(self.engine, learning_rate)

    def set_optimizer(self, optimizer: Optimizer | OptimizerName | OptionsConfig) -> None:
        """Choose the optimizer of `apply_gradients`: "sgd" (the default), "adam", … or an optimizer with options.

        Raises:
            ConfigError: unknown name or option, a value out of range.
        """
        self._manual.optimizer = resolve_optimizer(optimizer)

    @internal
    def read_feed(self, x: ArrayLike, mask: ArrayLike | None) -> tuple[Feed, bool]:
        """An input and its mask, and whether it was a single sample; raises ShapeError, DataError."""
        batch, single = read_input(x, self.input_shape, ids=self.build().compiler.ids)
        shown = read_mask(mask, batch, single=single)
        if shown is not None:
            shapes, _ = self.engine.compiler.survey((1, *self.input_shape))
            check_mask_use(self.engine.layers, shapes, shown.shape[1])
        return Feed(batch, mask=shown), single

    @internal
    @exclusive
    def start_step(self, feed: Feed, rate: float, options: StepOptions, epoch: int = 0, batch: int = 0) -> InFlightStep:
        """Start a training step on checked arrays; the first one lets "auto" choose the device."""
        if self._choice.undecided and self._choice.decide(self.build(), feed, options):
            self._manual.pending = None
        return self._steps.start(self.engine, feed, rate, options, epoch, batch)

    @internal
    @exclusive
    def finish_step(self, step: InFlightStep) -> StepResult:
        """Results of a started step, when they arrive; observers receive its statistics."""
        return self._steps.finish(self.engine, step)

    @internal
    @exclusive
    def run_observed(
        self, feed: Feed, step: Callable[[StatsRequest | None], tuple[Outcome, Ready]], epoch: int, batch: int
    ) -> Outcome:
        """Run a training step of any kind, measured as the observers that are due ask; they receive its statistics."""
        return self._steps.run_observed(self.engine, feed, step, epoch, batch)

    # device --------------------------------------------------------------------------------------------------------

    @exclusive
    def to(self, device: Device) -> NetworkCore:
        """Choose the device; returns the network. Trained values are kept; a pending `forward_cpu` is dropped.

        Args:
            device: "auto" takes the fastest: "wasm" inside Pyodide where its kernels load, else "numpy"; where there is
                a GPU, the first training step measures whether "webgpu" is faster for this network.

        Raises:
            ConfigError: unknown device. UnavailableError: it is not available; the text says why.
        """
        if self._choice.choose(device, self._engine):
            self._manual.pending = None
        return self

    @internal
    @exclusive
    def use_executor(self, executor: Executor) -> None:
        """Run on this executor; trained values are kept, a pending `forward_cpu` is dropped."""
        if self._choice.move_to(executor, self._engine):
            self._manual.pending = None

    @property
    def device(self) -> str:
        """Name of the executor in use."""
        return (self._choice.executor if self._engine is None else self._engine.executor).name

    @property
    def device_reason(self) -> str:
        """Why it is this device: it was asked for, what was measured, or what became of another."""
        moved = self._engine is not None and self._engine.executor is not self._choice.executor
        return f"{self._choice.executor.name} had to be left" if moved else self._choice.reason

    @property
    def gpu_unavailable_reason(self) -> str | None:
        """Why the GPU can't be used; None if it can."""
        return device.gpu_unavailable_reason()

    # observation ---------------------------------------------------------------------------------------------------

    @exclusive
    def get_telemetry(self) -> Telemetry:
        """Memory and the current state of every layer.

        Activation statistics are those of the last input, run again with the current weights; None before the first.
        """
        return make_telemetry(
            self.build(), self._steps.last_input, self._steps.update_ratios, self.dispatcher.observers
        )

    def set_observer(self, observer: Observer | None) -> None:
        """Watch the network with this observer alone; None: with none."""
        self.dispatcher.observers = []
        if observer is not None:
            self.add_observer(observer)

    @exclusive
    def add_observer(self, observer: Observer) -> None:
        """Watch the network with one more observer; adding one twice has no effect.

        Raises:
            ConfigError: it is no Observer, or its `layers` are not those of the network.
        """
        if not isinstance(observer, Observer):
            raise ConfigError.expected("observer", expected="a loom_py.Observer", got=repr(observer))
        paths = [layer.path for layer in self.get_blueprint().walk()]
        unknown = sorted((observer.layers or frozenset()).difference(paths))
        if unknown:
            raise ConfigError.expected(
                "layers of the observer", expected=f"paths such as {', '.join(paths[:6])}",
                got=", ".join(unknown), do="leave layers out to observe all",
            )  # fmt: skip
        if not any(o is observer for o in self.dispatcher.observers):
            self.dispatcher.observers = [*self.dispatcher.observers, observer]
            self.dispatcher.attached(observer, self.get_blueprint(), self.to_config())

    def remove_observer(self, observer: Observer) -> None:
        """Stop watching with this observer; no effect when it is not attached."""
        self.dispatcher.observers = [o for o in self.dispatcher.observers if o is not observer]
