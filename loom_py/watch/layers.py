"""A PyTorch module as a layer: where it is in the model, and its place in the blueprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from loom_py.network.blueprint import Blueprint, LayerBlueprint
from loom_py.ops import FUNCTIONS
from loom_py.shapes import Shape, size_of
from loom_py.watch.rows import Row

if TYPE_CHECKING:
    from torch import Tensor, nn

_ACTIVATIONS = {name.replace("_", ""): name for name in FUNCTIONS}
_IMAGE = 4
"""Axes of a batch of images; their units are channels."""


@dataclass(slots=True, eq=False)
class WatchedLayer:
    """One module, and what was measured of it in the current step.

    Attributes:
        unit_axis: axis of the units in its output, batch included.
        input_shape: of the last call, batch first.
        forward: statistics of its output.
        backward: statistics of the gradient that reaches its output.
        time_ns: time of its calls; None where the device works on its own.
        started_ns: when the call under way began.
    """

    path: str
    module: nn.Module
    parameters: Mapping[str, Tensor]
    unit_axis: int = -1
    input_shape: Shape = ()
    output_shape: Shape = ()
    forward: Row | None = None
    backward: Row | None = None
    time_ns: int | None = 0
    started_ns: int = 0
    index: int = 0

    @property
    def type(self) -> str:
        """Class name."""
        return type(self.module).__name__

    def reset(self) -> None:
        """Forget the step."""
        self.forward = self.backward = None
        self.time_ns = 0

    def facts(self) -> dict[str, Any]:
        """The fields of its records that name the layer."""
        named = {"layer_index": self.index, "layer_type": self.type, "row": 0, "col": 0, "layer": self.index}
        return named | {"path": self.path, "input_shape": self.input_shape, "output_shape": self.output_shape}

    def blueprint(self) -> LayerBlueprint:
        """Its structure, as its last call showed it."""
        x, y = self.input_shape[1:], self.output_shape[1:]
        count = sum(parameter.numel() for parameter in self.parameters.values() if parameter.requires_grad)
        return LayerBlueprint(
            index=self.index, row=0, col=0, layer=self.index, path=self.path, type=self.type,
            activation=activation_of(self.module), input_shape=x, output_shape=y, input_size=size_of(x),
            output_size=size_of(y), num_params=count,
            param_shapes={name: tuple(parameter.shape) for name, parameter in self.parameters.items()},
            fan_in=self._fan_in, unit_axis=self.unit_axis, flops=self._flops(y),
            bytes=sum(p.numel() * p.element_size() for p in self.parameters.values() if p.requires_grad),
        )  # fmt: skip

    @property
    def _fan_in(self) -> int | None:
        weight = self.parameters.get("weight")
        if weight is None or weight.ndim < 2 or hasattr(self.module, "num_embeddings"):
            return None
        if getattr(self.module, "transposed", False):  # a transposed convolution's are (in, out, …)
            return int(weight.shape[0] * prod(weight.shape[2:]))
        return int(prod(weight.shape[1:]))

    def _flops(self, output: Shape) -> int:
        """Multiplications and additions of products with its weights; other work is not counted."""
        weights = sum(p.numel() for p in self.parameters.values() if p.ndim > 1)
        units = output[self.unit_axis - (self.unit_axis > 0)] if output else 1
        return 0 if self._fan_in is None else 2 * weights * size_of(output) // max(units, 1)

    def note_time(self, output: Tensor, taken_ns: int) -> None:
        """Add the time of a call; only a processor has ended its work by then."""
        self.time_ns = None if output.device.type != "cpu" or self.time_ns is None else self.time_ns + taken_ns

    def note_shapes(self, x: Tensor, y: Tensor, before: int) -> None:
        """Note the shapes of a call, and the axis of the units.

        They are channels after convolutions, norms over channels and on images, else the last axis. A layer without
        parameters has them where they lie in what comes in.

        Args:
            x: its input.
            y: its output.
            before: axis of the units in the output of the layer that ran before.
        """
        self.input_shape, self.output_shape = tuple(x.shape), tuple(y.shape)
        kind = any(name in self.type for name in ("Conv", "BatchNorm", "InstanceNorm", "GroupNorm"))
        channels = kind or (not self.parameters and before == 1) or y.ndim >= _IMAGE
        self.unit_axis = 1 if channels and y.ndim > 2 else -1


def watched_layers(model: nn.Module) -> Iterator[WatchedLayer]:
    """The modules that compute: those without modules inside, and those with arrays of their own."""
    for path, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if own or not any(True for _ in module.children()):
            yield WatchedLayer(path, module, own)


def activation_of(module: nn.Module) -> str | None:
    """Our name of the function that a module applies to each value; None if it is no such function."""
    return _ACTIVATIONS.get(type(module).__name__.lower())


def blueprint_of(model: nn.Module, layers: list[WatchedLayer]) -> Blueprint:
    """The structure of a model, its layers in order of execution."""
    made = tuple(layer.blueprint() for layer in layers)
    return Blueprint(
        model_id=type(model).__name__, grid_rows=1, grid_cols=1, layers_per_cell=len(made), total_layers=len(made),
        total_params=sum(p.numel() for p in model.parameters() if p.requires_grad),
        input_shape=made[0].input_shape if made else (), output_shape=made[-1].output_shape if made else (),
        flops=sum(layer.flops for layer in made), layers=made,
    )  # fmt: skip
