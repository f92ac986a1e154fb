"""The network itself: a grid of layers, its arrays on a device, running it forward and backward, and watching it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Literal, NamedTuple

import numpy as np

from loom_py.errors import ConfigError, DataError, ShapeError, StateError, UnavailableError
from loom_py.events import LayerStats, Observer, measured
from loom_py.executors.numpy import NumpyExecutor
from loom_py.introspect import Introspectable, available_when
from loom_py.layers import Layer
from loom_py.losses import CrossEntropy
from loom_py.network.arrays import GRADIENTS, read_all
from loom_py.network.blueprint import Blueprint, make_blueprint
from loom_py.network.compile import StepOptions
from loom_py.network.dispatch import Dispatcher
from loom_py.network.engine import Engine, Ready
from loom_py.network.grid import Grid, NetworkConfig, read_seed, read_shape
from loom_py.network.telemetry import Telemetry, layer_telemetry, measure_memory, total_bytes
from loom_py.network.watching import Moment, Watch
from loom_py.optimizers import Optimizer, OptimizerName, resolve_optimizer
from loom_py.runtime import wasm_heap_bytes
from loom_py.shapes import AnyArray, Array, ArrayLike, Shape

Device = Literal["auto", "numpy", "wasm", "webgpu"]


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


@dataclass(slots=True)
class _Pending:
    """A forward pass that a backward pass may follow."""

    ready: Ready
    listeners: list[Observer]
    single: bool


class NetworkCore(Introspectable):
    """Grid, arrays, forward and backward, telemetry and observers; `Network` adds training and files to it."""

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
        self.dispatcher = Dispatcher()
        self._executor = NumpyExecutor()
        self._engine: Engine | None = None
        self._stale = False
        self._optimizer: Optimizer = resolve_optimizer("sgd")
        self._pending: _Pending | None = None
        self._last_input: AnyArray | None = None
        self._runs = 0
        self._seq = 0
        self._update_ratios: dict[str, float] = {}

    # structure -----------------------------------------------------------------------------------------------------

    def set_layer(self, row: int, col: int, layer: int, what: Layer) -> None:
        """Put a layer into a slot of the grid. Trained values of the other layers stay.

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
        self._pending = None

    def to_config(self) -> dict[str, Any]:
        """The network as plain data, which `from_config` builds again."""
        g = self.grid
        return {
            "input_shape": list(self.input_shape),
            "grid": {"rows": g.rows, "cols": g.cols, "layers_per_cell": g.layers_per_cell},
            "seed": self.seed,
            "layers": [layer.to_config() for layer in g.layers],
        }

    def get_blueprint(self) -> Blueprint:
        """What the network is made of: grid, layers, shapes, parameters, FLOPs.

        Raises:
            ShapeError: a layer does not take what comes before it.
        """
        return make_blueprint(self.engine, self.grid, self.input_shape, self.model_id)

    @property
    def engine(self) -> Engine:
        """Memory and Programs, built when first needed."""
        if self._engine is None or self._stale:
            engine = Engine(list(self.grid.slots()), self.seed, self._executor)
            engine.compiler.survey((1, *self.input_shape))
            if self._engine is not None:
                engine.take_over(self._engine)
            self._engine, self._stale = engine, False
            for observer in list(self.dispatcher.observers):
                self.dispatcher.attached(observer, self.get_blueprint())
        return self._engine

    # running -------------------------------------------------------------------------------------------------------

    def forward(self, x: ArrayLike) -> Array:
        """The output for an input, on the active device, nothing kept for a backward pass.

        Args:
            x: a batch (B, …) or a single sample.

        Returns:
            The output, batch first; without the batch axis for a single sample.

        Raises:
            ShapeError: the input does not have the network's input shape.
            DataError: it is not numbers, or not finite.
        """
        batch, single = self.read_input(x)
        watch, listeners = self.dispatcher.due(self._runs)
        ready = self.engine.inference(batch.shape, watch)
        self._run_forward(ready, batch, None, listeners)
        output = ready.loaded.read("output")
        return output[0] if single else output

    def forward_cpu(self, x: ArrayLike, *, training: bool = False) -> ForwardResult:
        """The output for an input, keeping what `backward_cpu` needs.

        Args:
            x: a batch (B, …) or a single sample.
            training: whether dropout drops and batch statistics are used.

        Raises:
            ShapeError: the input does not have the network's input shape.
            DataError: it is not numbers, or not finite.
        """
        began = perf_counter_ns()
        batch, single = self.read_input(x)
        watch, listeners = self.dispatcher.due(self._runs)
        ready = self.engine.manual(batch.shape, training, watch)
        self._run_forward(ready, batch, "forward", listeners)
        self._pending = _Pending(ready, listeners, single)
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
        return ForwardResult(self.forward(x), perf_counter_ns() - began)

    @property
    def gpu_unavailable_reason(self) -> str | None:
        """Why the GPU can't be used; None if it can."""
        return "this version has no WebGPU executor; the network runs with NumPy"

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
            raise ShapeError.expected("output gradient", expected=wanted[1:] if pending.single else wanted, got=array.shape)
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
            raise ConfigError.expected("learning_rate", expected="a finite number of at least 0", got=repr(learning_rate))
        if not self.engine.has_gradients:
            raise StateError("apply_gradients: expected gradients, got none; call forward_cpu and backward_cpu first")
        result = self.engine.update(learning_rate, StepOptions(CrossEntropy(), self._optimizer))
        if not result.ok:
            bad = [name for name, g in self.gradients().items() if not np.isfinite(g).all()]
            raise DataError.expected(
                "gradients", expected="finite numbers", got=f"NaN or infinity in {', '.join(bad)}",
                do="lower the learning rate or clip; the parameters are unchanged",
            )  # fmt: skip

    def set_optimizer(self, optimizer: Optimizer | OptimizerName) -> None:
        """Choose what `apply_gradients` updates by: "sgd" (as it begins), "adam", … or an optimizer with options.

        Raises:
            ConfigError: unknown name.
        """
        self._optimizer = resolve_optimizer(optimizer)

    # arrays --------------------------------------------------------------------------------------------------------

    def parameters(self) -> dict[str, Array]:
        """Copies of all arrays of the layers by full name, such as "0.weight", buffers included."""
        return read_all(self.engine.memory, self.engine.layout.places.values())

    def gradients(self) -> dict[str, Array]:
        """Copies of the last backward pass's gradients by full name; zeros before the first."""
        return read_all(self.engine.memory, self.engine.layout.trained, GRADIENTS)

    def set_parameters(self, values: Mapping[str, ArrayLike]) -> None:
        """Overwrite some or all arrays; checked as a whole before any is changed.

        Args:
            values: arrays by full name, such as "0.weight".

        Raises:
            StateError: there is no such array. ShapeError: another shape. DataError: not finite numbers.
        """
        self.engine.write_parameters(dict(values))  # type: ignore[arg-type]

    def to(self, device: Device) -> NetworkCore:
        """Choose where to run; returns the network.

        Args:
            device: "auto" takes the fastest there is.

        Raises:
            ConfigError: unknown device. UnavailableError: it is not there; the text says why.
        """
        if device not in ("auto", "numpy", "wasm", "webgpu"):
            raise ConfigError.expected("device", expected="auto or numpy or wasm or webgpu", got=repr(device))
        if device == "webgpu":
            raise UnavailableError(f"device webgpu: {self.gpu_unavailable_reason}")
        if device == "wasm":
            raise UnavailableError("device wasm: this version has no WebAssembly executor; use numpy")
        return self

    @property
    def device(self) -> str:
        """Name of the executor in use."""
        return self._executor.name

    # observation ---------------------------------------------------------------------------------------------------

    def get_telemetry(self) -> Telemetry:
        """Memory and the state of every layer now.

        Activation figures are those of the last input, run again with the weights of now; None before the first input.
        """
        engine = self.engine
        outputs: list[LayerStats] = []
        if self._last_input is not None:
            ready = engine.inference(self._last_input.shape, Watch())
            engine.write_input(ready.loaded, self._last_input)
            ready.loaded.run()
            outputs = engine.layer_stats(ready, Moment(engine.steps), 0, ("forward",))
        held = sum(int(getattr(o, "memory_bytes", 0)) for o in self.dispatcher.observers)
        memory = measure_memory(engine, held, wasm_heap_bytes())
        return Telemetry(
            memory_usage=total_bytes(memory), memory=memory, layer_stats=layer_telemetry(engine, outputs, self._update_ratios)
        )

    def set_observer(self, observer: Observer | None) -> None:
        """Watch the network with this observer alone; None: with none."""
        self.dispatcher.observers = []
        if observer is not None:
            self.add_observer(observer)

    def add_observer(self, observer: Observer) -> None:
        """Watch the network with one more observer; adding one twice has no effect.

        Raises:
            ConfigError: it is no Observer.
        """
        if not isinstance(observer, Observer):
            raise ConfigError.expected("observer", expected="a loom_py.Observer", got=repr(observer))
        if not any(o is observer for o in self.dispatcher.observers):
            self.dispatcher.observers = [*self.dispatcher.observers, observer]
            self.dispatcher.attached(observer, self.get_blueprint())

    def remove_observer(self, observer: Observer) -> None:
        """Stop watching with this observer; no effect when it does not watch."""
        self.dispatcher.observers = [o for o in self.dispatcher.observers if o is not observer]

    # for the trainer -----------------------------------------------------------------------------------------------

    def read_input(self, x: ArrayLike) -> tuple[AnyArray, bool]:
        """An input as a batch, and whether it was a single sample.

        Raises:
            ShapeError, DataError: as `forward`.
        """
        array = np.asarray(x)
        if array.dtype.kind not in "iufb":
            raise DataError.expected("input", expected="numbers", got=array.dtype)
        single = array.shape == self.input_shape
        batch = array[None] if single else array
        if batch.shape[1:] != self.input_shape or batch.ndim != len(self.input_shape) + 1 or batch.shape[0] == 0:
            wanted = ", ".join(map(str, self.input_shape))
            raise ShapeError.expected("input", expected=f"(B, {wanted}) or ({wanted})", got=array.shape)
        return self._read_values(batch), single

    def _read_values(self, batch: AnyArray) -> AnyArray:
        if self.grid.layers[0].integer_input:
            if batch.dtype.kind == "f" and not (batch == np.floor(batch)).all():
                raise DataError.expected("input", expected="whole numbers (ids)", got="fractions or NaN")
            return batch.astype(np.int32)
        values = batch.astype(np.float32)
        if not np.isfinite(values).all():
            nans = int(np.isnan(values).sum())
            raise DataError.expected(
                "input", expected="finite numbers", got=f"{nans} NaN and {int(np.isinf(values).sum())} infinite values",
                do="clean the data first",
            )  # fmt: skip
        return values

    def train_step(
        self, x: AnyArray, target: AnyArray, rate: float, options: StepOptions, epoch: int = 0, batch: int = 0
    ) -> Any:
        """One training step on checked arrays; delivers to observers that are due. Returns a StepResult."""
        watch, listeners = self.dispatcher.due(self._runs)
        moment = Moment(self.engine.steps, epoch, batch)
        result, ready = self.engine.step(x, target, rate, options, watch)
        self._runs += 1
        self._last_input = x
        self._deliver(ready, moment, listeners, ("forward", "backward"))
        return result

    def _run_forward(self, ready: Ready, batch: AnyArray, segment: str | None, listeners: list[Observer]) -> None:
        self.engine.write_input(ready.loaded, batch)
        ready.loaded.run(segment, timed=bool(listeners))
        self._runs += 1
        self._last_input = batch
        self._deliver(ready, Moment(self.engine.steps), listeners, ("forward",))

    def _deliver(self, ready: Ready, moment: Moment, listeners: list[Observer], phases: Sequence[str]) -> None:
        if listeners:
            found = self.engine.layer_stats(ready, moment, self._seq, phases)
            self._update_ratios |= {s.path: s.update_ratio for s in found if measured(s.update_ratio)}
            self._seq += len(found)
            self.dispatcher.layer_stats(listeners, found)
