"""What is known of the layers: from the blueprint, else from the records alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from loom_py.events import LayerStats
from loom_py.shapes import Shape, size_of

_CHANNELS_FIRST = ("Conv1D", "Conv2D", "MaxPool1D", "MaxPool2D", "AvgPool1D", "AvgPool2D")


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """What the rules need to know of a layer."""

    path: str
    """Where it stands."""
    type: str
    """Class name."""
    activation: str | None
    """Activation function; None if it has none."""
    leaf: bool
    """Whether it has no layers inside."""
    weight_shape: Shape | None
    """Shape of its array "weight"; None if it has none."""

    @property
    def fan_in(self) -> int | None:
        """Inputs that each unit sums over: of `weight (I,O)` or of a kernel `(O,C,…)`; None where that is no sum."""
        if self.weight_shape is None or len(self.weight_shape) < 2 or self.type == "Embedding":
            return None
        return self.weight_shape[0] if len(self.weight_shape) == 2 else size_of(self.weight_shape[1:])


class Structure:
    """The layers of a network by path, in reading order; empty when there is no blueprint."""

    def __init__(self, blueprint: Any = None) -> None:
        """Read a blueprint: a dict as recordings have it, or the network's own object."""
        layers = _field(blueprint, "layers") or ()
        self._known = {info.path: info for info in _walk(layers)}
        leaves = [info.path for info in self._known.values() if info.leaf]
        self._last = leaves[-1] if leaves else None

    @property
    def known(self) -> bool:
        """Whether there is a blueprint."""
        return bool(self._known)

    def info(self, stats: LayerStats) -> LayerInfo | None:
        """What is known of the record's layer; None without a blueprint."""
        return self._known.get(stats.path)

    def is_output(self, path: str, seen: Iterable[str]) -> bool:
        """Whether the layer is the network's last: by the blueprint, else the last of those that were seen."""
        if self._last is not None:
            return path == self._last
        order = list(seen)
        return bool(order) and path == order[-1]


def units_of(stats: LayerStats) -> int:
    """Units of a layer's output: positions of the last axis, or channels."""
    shape = stats.output_shape
    if len(shape) < 2:
        return 0
    return shape[1] if len(shape) == 4 or stats.layer_type in _CHANNELS_FIRST else shape[-1]


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
            tuple(weight) if weight is not None else None,
        )
        yield from _walk(children)


def _field(owner: Any, name: str) -> Any:
    return owner.get(name) if isinstance(owner, dict) else getattr(owner, name, None)
