"""Structure of the network for the rules: from the blueprint, else from the records alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import index
from typing import Any

from loom_py.errors import FileFormatError
from loom_py.shapes import Shape, size_of
from loom_py.telemetry.events import LayerStats


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """Facts about a layer that the rules use."""

    path: str
    """Path of the layer."""
    type: str
    """Class name."""
    activation: str | None
    """Activation function; None if it has none."""
    leaf: bool
    """Whether it has no layers inside."""
    weight_shape: Shape | None
    """Shape of its array "weight"; None if it has none."""
    fan_in: int | None
    """Inputs that each unit sums over; None where that is no sum."""
    unit_axis: int
    """Axis of the output, batch included, of the units."""
    has_parameters: bool
    """Whether it has parameters of its own."""

    @property
    def unit_gain_norm(self) -> float:
        """‖w‖ of weights that keep the scale of their inputs, RMS(w) · √fan_in = 1; 0 where it is not defined."""
        if not self.fan_in or self.weight_shape is None:
            return 0.0
        return math.sqrt(size_of(self.weight_shape) / self.fan_in)


class Structure:
    """The layers of a network by path, in reading order; empty when there is no blueprint."""

    def __init__(self, blueprint: Any = None) -> None:
        """Read a blueprint: a dict as in recordings, or the network's own object.

        Raises:
            FileFormatError: a recording's blueprint is damaged.
        """
        layers = _field(blueprint, "layers") or ()
        try:
            self._known = {info.path: info for info in _walk(layers)}
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise FileFormatError(f"blueprint: expected layers with shapes of whole numbers, got {error}") from None
        leaves = [info.path for info in self._known.values() if info.leaf]
        self._last = leaves[-1] if leaves else None

    @property
    def known(self) -> bool:
        """Whether there is a blueprint."""
        return bool(self._known)

    def info(self, stats: LayerStats) -> LayerInfo | None:
        """Facts about the record's layer; None without a blueprint."""
        return self._known.get(stats.path)

    def has_parameters(self, stats: LayerStats) -> bool:
        """Whether the layer has parameters of its own: by the blueprint, else by the record."""
        info = self.info(stats)
        return info.has_parameters if info else bool(stats.parameters)

    def units(self, stats: LayerStats) -> int:
        """Number of units in a layer's output, along the blueprint's axis, else the last; 0 without such an axis."""
        shape = stats.output_shape
        info = self.info(stats)
        axis = info.unit_axis if info else -1
        return shape[axis] if len(shape) > 1 and -len(shape) <= axis < len(shape) else 0

    def is_output(self, path: str, seen: Iterable[str]) -> bool:
        """Whether the layer is the network's last: by the blueprint, else the last of the paths in `seen`."""
        if self._last is not None:
            return path == self._last
        order = list(seen)
        return bool(order) and path == order[-1]


def output_rms(stats: LayerStats) -> float:
    """Root of the mean square of the finite outputs; NaN if there is none."""
    return math.hypot(stats.output_mean, stats.output_std)


def is_inside(path: str, parent: str) -> bool:
    """Whether a layer is nested in another."""
    return path.startswith(parent + ".")


def _walk(layers: Iterable[Any]) -> Iterator[LayerInfo]:
    for layer in layers:
        children = _field(layer, "children") or ()
        shapes = _field(layer, "param_shapes") or {}
        weight = shapes.get("weight")
        yield LayerInfo(
            str(_field(layer, "path")),
            str(_field(layer, "type")),
            _field(layer, "activation"),
            not children,
            tuple(map(_count, weight)) if weight is not None else None,
            None if (fan_in := _field(layer, "fan_in")) is None else _count(fan_in),
            -1 if (axis := _field(layer, "unit_axis")) is None else index(axis),
            bool(shapes),
        )
        yield from _walk(children)


def _field(owner: Any, name: str) -> Any:
    return owner.get(name) if isinstance(owner, dict) else getattr(owner, name, None)


def _count(value: Any) -> int:
    count = index(value)
    if count < 0:
        raise ValueError(f"{count}")
    return count
