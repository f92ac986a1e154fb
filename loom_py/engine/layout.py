"""Memory layout of a network: parameters side by side in one flat area, gradients and optimizer state alike.

So an optimizer is one instruction over everything, and a gradient has the offset of its parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from loom_py.arrays import read_numbers
from loom_py.errors import DataError, ShapeError, StateError
from loom_py.executors.base import Memory
from loom_py.initializers import initialise
from loom_py.layers import Layer, Parameter
from loom_py.shapes import AnyArray, Array, ArrayLike, size_of

WEIGHTS, GRADIENTS, SUMMED, BUFFERS = "weights", "gradients", "summed gradients", "buffers"
NORM_LIMIT = "norm limit"
"""Area of one number: the largest norm of all gradients at which an update is made; negative: none is made."""
ALIGNMENT = 256  # bytes: WebGPU's alignment of storage offsets


def optimizer_area(optimizer: str, name: str) -> str:
    """Memory area of one kind of optimizer state."""
    return f"optimizer.{optimizer}.{name}"


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of the grid: cell (row, col), slot `layer` in it, `index` in reading order."""

    index: int
    row: int
    col: int
    layer: int


@dataclass(frozen=True, slots=True)
class Place:
    """One array of one layer: full name, area and byte offset."""

    path: str
    parameter: Parameter
    area: str
    offset: int

    @property
    def name(self) -> str:
        """Such as "0.weight"."""
        return f"{self.path}.{self.parameter.name}"

    @property
    def nbytes(self) -> int:
        """Bytes of the array, padding not counted."""
        return 4 * size_of(self.parameter.shape)

    @property
    def elements(self) -> tuple[int, int]:
        """First and last+1 element in the flat array of its area."""
        return self.offset // 4, (self.offset + self.nbytes) // 4


class Layout:
    """All arrays of a network in order of their layers; `sizes` are the bytes of the areas.

    Within an area, arrays of fewer than two axes (biases, scales) come after all others, so that the usual groups of
    weight decay are contiguous.
    """

    def __init__(self, layers: Iterable[tuple[str, Layer]]) -> None:
        self.sizes = {WEIGHTS: 0, BUFFERS: 0}
        arrays = [(path, parameter) for path, layer in layers for parameter in layer.parameters()]
        placed: dict[tuple[str, str], Place] = {}
        for path, parameter in sorted(arrays, key=lambda array: len(array[1].shape) < 2):
            area = WEIGHTS if parameter.trained else BUFFERS
            place = Place(path, parameter, area, self.sizes[area])
            self.sizes[area] += -(-place.nbytes // ALIGNMENT) * ALIGNMENT
            placed[path, parameter.name] = place
        in_order = [placed[path, parameter.name] for path, parameter in arrays]
        self.places = {place.name: place for place in in_order}

    @property
    def trained(self) -> list[Place]:
        """The places that optimizers change."""
        return [p for p in self.places.values() if p.area == WEIGHTS]

    @property
    def count(self) -> int:
        """Number of trained values."""
        return sum(size_of(p.parameter.shape) for p in self.trained)


def walk(layers: Iterable[tuple[str, Layer]]) -> Iterable[tuple[str, Layer]]:
    """Every layer with its path, nested ones after their parent."""
    for path, layer in layers:
        yield path, layer
        yield from walk((f"{path}.{name}", child) for name, child in layer.children())


def fill_new(memory: Memory, layout: Layout, seed: int) -> None:
    """Initialise every array from the seed."""
    for place in layout.places.values():
        p = place.parameter
        memory.write(
            place.area, place.offset, initialise(p.init, p.shape, p.fan_in, p.fan_out, seed=seed, path=place.name)
        )


def read_all(memory: Memory, places: Iterable[Place], area: str | None = None) -> dict[str, Array]:
    """Copies by full name; `area` reads another area in the places' image (gradients)."""
    return {p.name: memory.read(area or p.area, p.offset, p.parameter.shape) for p in places}


def checked(layout: Layout, values: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """New values for some arrays, all checked before any is written.

    Raises:
        StateError: a name that the network does not have.
        ShapeError: another shape. DataError: not numbers, not finite, or negative where that makes no sense.
    """
    ready: dict[str, Array] = {}
    for name, value in values.items():
        if name not in layout.places:
            known = ", ".join(list(layout.places)[:6]) or "none"
            raise StateError.expected("parameter name", expected=f"one of {known} …", got=repr(name))
        array = read_numbers(f"parameter {name}", value)
        parameter = layout.places[name].parameter
        wanted = parameter.shape
        if array.shape != wanted:
            raise ShapeError.expected(f"parameter {name}", expected=wanted, got=array.shape)
        with np.errstate(over="ignore"):  # what float32 does not have becomes infinite
            ready[name] = check_values(f"parameter {name}", array.astype(np.float32), parameter.non_negative)
    return ready


def check_values(name: str, array: AnyArray, non_negative: bool = False) -> AnyArray:
    """The array if its values are finite, and none is negative where they can't be; raises DataError."""
    if not np.isfinite(array).all():
        raise DataError.expected(name, expected="finite numbers", got="NaN or infinity")
    if non_negative and (array < 0).any():
        raise DataError.expected(name, expected="numbers from 0", got=float(array.min()))
    return array
