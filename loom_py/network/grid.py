"""Grid of a network's cells, and its configuration as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loom_py.config.fields import plain_numbers
from loom_py.engine.layout import Slot
from loom_py.errors import ConfigError
from loom_py.layers import Identity, Layer, from_config
from loom_py.shapes import Shape

MOST_AXES = 16
"""Largest number of axes of one sample; arrays of NumPy have at most 32 in some functions."""


class Grid:
    """rows × cols cells of layers_per_cell slots, in reading order (rows, columns, slots)."""

    def __init__(self, rows: int, cols: int, layers_per_cell: int) -> None:
        rows, cols, layers_per_cell = plain_numbers((rows, cols, layers_per_cell))
        for name, value in (("rows", rows), ("cols", cols), ("layers_per_cell", layers_per_cell)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError.expected(f"grid {name}", expected="a whole number at least 1", got=repr(value))
        self.rows, self.cols, self.layers_per_cell = rows, cols, layers_per_cell
        self.layers: list[Layer] = [Identity()] * (rows * cols * layers_per_cell)

    def slots(self) -> Iterator[tuple[Slot, Layer]]:
        """All slots with their layers, in the order they run."""
        per_row = self.cols * self.layers_per_cell
        for index, layer in enumerate(self.layers):
            row, rest = divmod(index, per_row)
            yield Slot(index, row, *divmod(rest, self.layers_per_cell)), layer

    def place(self, row: int, col: int, layer: int, what: Layer) -> None:
        """Put a layer into a slot; raises ConfigError if the slot does not exist or it is not a layer."""
        if not isinstance(what, Layer):
            raise ConfigError.expected("set_layer", expected="a layer such as Dense(64, 10)", got=repr(what))
        at, extents = plain_numbers((row, col, layer)), (self.rows, self.cols, self.layers_per_cell)
        if not all(isinstance(i, int) and 0 <= i < n for i, n in zip(at, extents, strict=True)):
            raise ConfigError.expected(
                "slot (row, col, layer)", expected=f"each from 0, below {extents}", got=at, do="make a larger grid"
            )
        row, col, layer = at
        self.layers[(row * self.cols + col) * self.layers_per_cell + layer] = what


def read_shape(shape: Any) -> Shape:
    """An input shape from a number or a sequence of them; raises ConfigError."""
    shape = plain_numbers(shape)
    extents = (shape,) if isinstance(shape, int) else shape
    good = isinstance(extents, Sequence) and not isinstance(extents, str) and 0 < len(extents) <= MOST_AXES
    if not good or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in extents):
        raise ConfigError.expected(
            "input_shape", expected=f"a positive number or a list of 1 to {MOST_AXES} of them", got=repr(shape)
        )
    return tuple(extents)


@dataclass(frozen=True)
class NetworkConfig:
    """A network's configuration, checked before anything is built from it."""

    input_shape: Shape
    grid: Grid
    seed: int | None

    @staticmethod
    def read(config: Any) -> NetworkConfig:
        """Check plain data.

        Raises:
            ConfigError: it is not a dict, a key is missing or unknown, or a layer is invalid.
        """
        if not isinstance(config, Mapping):
            raise ConfigError.expected("network config", expected="a dict", got=type(config).__name__)
        unknown = set(config) - {"input_shape", "grid", "seed", "layers"}
        missing = {"input_shape", "layers"} - set(config)
        if unknown or missing:
            got = f"unknown {sorted(map(str, unknown))}" if unknown else f"no {sorted(missing)}"
            raise ConfigError.expected("network config", expected="input_shape, layers and maybe grid, seed", got=got)
        if isinstance(config["layers"], str | Mapping) or not isinstance(config["layers"], Sequence):
            raise ConfigError.expected("layers", expected="a list", got=type(config["layers"]).__name__)
        layers = [layer_at(number, item) for number, item in enumerate(config["layers"])]
        grid = _read_grid(config.get("grid"), len(layers))
        grid.layers = layers
        return NetworkConfig(read_shape(config["input_shape"]), grid, read_seed(config.get("seed")))


def layer_at(number: int, item: Any) -> Layer:
    """A layer from its config; errors name its position."""
    try:
        return from_config(item)
    except ConfigError as error:
        raise ConfigError(f"layers[{number}]: {error}") from None


def read_seed(seed: Any) -> int | None:
    """A seed: None or a whole number from 0; raises ConfigError."""
    seed = plain_numbers(seed)
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or seed < 0):
        raise ConfigError.expected("seed", expected="None or a whole number from 0", got=repr(seed))
    return seed


def _read_grid(config: Any, count: int) -> Grid:
    if count == 0:
        raise ConfigError.expected("layers", expected="at least one layer", got="none")
    if config is None:
        return Grid(1, 1, count)
    keys = ("rows", "cols", "layers_per_cell")
    if not isinstance(config, Mapping) or set(config) != set(keys):
        raise ConfigError.expected("grid", expected=f"a dict of {', '.join(keys)}", got=repr(config))
    extents = [config[k] for k in keys]
    if all(type(n) is int and n > 0 for n in extents) and math.prod(extents) != count:  # before slots are allocated
        raise ConfigError.expected("layers", expected=f"{math.prod(extents)}, one for each slot of the grid", got=count)
    return Grid(*extents)
