"""Layers that give the same values in another shape or order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.errors import ConfigError, ShapeError
from loom_py.layers.entries import real_entries
from loom_py.layers.given import Given, LayerPlace
from loom_py.layers.layer import Gradients, Layer, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, reshape_node
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape, shape_text, size_of


class ReshapeCache(NamedTuple):
    """Values that backward needs."""

    shape: Shape  # of the input
    real: Any  # (B, N, 1, …): 1 for entries, 0 for padding; None without a mask or where entries stay apart


@layer
class Reshape(Layer):
    """The values of a sample in another shape, the last axis running fastest: (B, …) → (B, *shape).

    One extent may be -1: it follows from the others. Where the first extent changes, entries that the run's mask hides
    become 0.
    """

    passes: ClassVar[bool] = True

    shape: Sequence[int]
    """Shape of a sample without batch; one extent may be -1."""

    def check(self) -> None:
        if not self.shape or any(n < 1 for n in self.shape if n != -1) or list(self.shape).count(-1) > 1:
            expected = "extents of at least 1, one of which may be -1"
            raise ConfigError.expected("Reshape.shape", expected=expected, got=self.shape)

    def check_input(self, shape: Shape) -> None:
        known, size = size_of(n for n in self.shape if n != -1), size_of(shape)
        if size % known or (-1 not in self.shape and size != known):
            raise ShapeError.expected(
                "Reshape input", got=f"{size} ({shape_text(shape)})",
                expected=f"{'a multiple of ' if -1 in self.shape else ''}{known} values for {self.shape}",
            )  # fmt: skip

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        """Distributions stay whole where their axis keeps its extent."""
        return incoming if self._full(at.input_shape)[-1:] == at.input_shape[-1:] else incoming.within()

    def uses_mask(self, shape: Shape) -> bool:
        return len(shape) > 1 and self._full(shape)[0] != shape[0]

    def _full(self, shape: Shape) -> Shape:
        """Shape of an output sample."""
        rest = size_of(shape) // size_of(n for n in self.shape if n != -1)
        return tuple(rest if n == -1 else n for n in self.shape)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, ReshapeCache]:
        shape = tuple(x.shape[1:])
        real = real_entries(x, run) if self.uses_mask(shape) else None
        shown = x if real is None else ops.multiply(x, real)
        return ops.reshape(shown, shape=(x.shape[0], *self._full(shape))), ReshapeCache(x.shape, real)

    def backward(self, p: Params, cache: ReshapeCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        dx = ops.reshape(dy, shape=cache.shape)
        return dx if cache.real is None else ops.multiply(dx, cache.real), {}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return reshape_node(graph, x.name, (-1, *self._full(x.shape)))

    def tween_target(self, p: Params, target: Any, x: Any) -> Any:
        return ops.reshape(target, shape=x.shape)


@layer
class Permute(Layer):
    """The axes of a sample in another order: axis i of the output is axis `axes[i-1]` of the input, the batch is 0.

    Shapes: with axes [2, 1], (B, T, C) → (B, C, T), as Conv1D takes sequences.
    """

    passes: ClassVar[bool] = True
    unit_axis: ClassVar[int | None] = None

    axes: Sequence[int]
    """The numbers 1, 2, … in another order; axis 0, the batch, stays."""

    def check(self) -> None:
        if not self.axes or sorted(self.axes) != list(range(1, len(self.axes) + 1)):
            raise ConfigError.expected("Permute.axes", expected="1, 2, … in some order", got=self.axes)

    def check_input(self, shape: Shape) -> None:
        if len(shape) != len(self.axes):
            raise ShapeError.expected(
                "Permute input", expected=f"samples of {len(self.axes)} axes for {self.axes}", got=shape_text(shape)
            )

    def gives(self, incoming: Given, at: LayerPlace) -> Given:
        """Distributions stay so where theirs stays the last axis."""
        return incoming if self.axes[-1] == len(self.axes) else incoming.within()

    def mixes(self, shape: Shape) -> bool:
        return self.axes[0] != 1

    def units_after(self, before: int, ndim: int) -> int:
        return (0, *self.axes).index(before % ndim)

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, None]:
        return ops.transpose(x, axes=(0, *self.axes)), None

    def backward(self, p: Params, cache: None, dy: Any, run: Run) -> tuple[Any, Gradients]:
        return self._back(dy), {}

    def _back(self, y: Any) -> Any:
        order = (0, *self.axes)
        return ops.transpose(y, axes=tuple(order.index(axis) for axis in range(len(order))))

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return graph.node("Transpose", x.name, perm=[0, *self.axes])

    def tween_target(self, p: Params, target: Any, x: Any) -> Any:
        return self._back(target)
