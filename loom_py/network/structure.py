"""The structure of a network: its grid of layers, its configuration, its arrays."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loom_py.engine.engine import Engine, Ready
from loom_py.engine.inputs import Feed
from loom_py.engine.layout import GRADIENTS, read_all
from loom_py.executors.choose import executor_for
from loom_py.introspect import Introspectable, internal
from loom_py.layers import Layer
from loom_py.network.blueprint import Blueprint, make_blueprint
from loom_py.network.grid import Grid, NetworkConfig, read_seed, read_shape
from loom_py.optimizers import Optimizer, resolve_optimizer
from loom_py.shapes import Array, ArrayLike, Shape
from loom_py.telemetry.dispatch import Dispatcher
from loom_py.telemetry.events import Observer
from loom_py.telemetry.frame import UpdateRatios


@dataclass(slots=True)
class Pending:
    """A forward pass that a backward pass may follow."""

    ready: Ready
    listeners: list[Observer]
    single: bool


class Structure(Introspectable):
    """Grid, configuration, blueprint and arrays of a network."""

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
        self._executor = executor_for("auto")
        self._undecided = True
        self._device_reason = "auto: the fastest that needs no GPU; a GPU is tried by the first training step"
        self._engine: Engine | None = None
        self._stale = False
        self._optimizer: Optimizer = resolve_optimizer("sgd")
        self._pending: Pending | None = None
        self._last_input: Feed | None = None
        self._runs = 0
        self._seq = 0
        self._update_ratios = UpdateRatios()

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
    @internal
    def engine(self) -> Engine:
        """Memory and Programs, built when first needed."""
        if self._engine is None or self._stale:
            executor = self._executor if self._engine is None else self._engine.executor  # a device may be lost
            engine = Engine(list(self.grid.slots()), self.seed, executor)
            engine.compiler.survey((1, *self.input_shape))
            if self._engine is not None:
                engine.take_over(self._engine)
            self._engine, self._stale = engine, False
            for observer in list(self.dispatcher.observers):
                self.dispatcher.attached(observer, self.get_blueprint(), self.to_config())
        return self._engine

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

    def reset_states(self) -> None:
        """Make what recurrent layers carry from run to run 0, so that the next run begins a new sequence."""
        self.engine.reset_states()
