"""Embeddings: of integer ids, and of positions."""

from __future__ import annotations

from typing import Any, NamedTuple

from loom_py import ops
from loom_py.config.fields import Size
from loom_py.errors import ShapeError
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape, shape_text


class EmbeddingCache(NamedTuple):
    """Values that backward needs."""

    ids: Any  # (B, …)


@layer
class Embedding(Layer):
    """y[…] = W[id[…]]: a learned row for each of `count` integer ids (V), from 0.

    Shapes: input (B, …) integers, output (B, …, C), weight (V, C).
    """

    count: Size
    """Number of ids (V)."""
    dim: Size
    """Length of each row (C)."""

    @property
    def ids(self) -> int:
        return self.count

    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter("weight", (self.count, self.dim), "lecun_normal", self.dim, self.dim),)

    @property
    def fan_in(self) -> None:
        """A row is looked up, not summed over."""
        return None

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, EmbeddingCache]:
        if x.dtype.kind not in "iu":
            raise ShapeError.expected(
                f"layer {run.path}: Embedding input", expected="integer ids", got="values of the layer before",
                do="put it first; Identity, Flatten and Dropout(0) pass ids on",
            )  # fmt: skip
        return ops.gather(p.weight, x), EmbeddingCache(x)

    def backward(self, p: Params, cache: EmbeddingCache, dy: Any, run: Run) -> tuple[None, Gradients]:
        return None, {"weight": ops.scatter_add(dy, cache.ids, count=self.count)}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return graph.node("Gather", graph.parameter("weight"), x.name, axis=0)


@layer
class PositionalEmbedding(Layer):
    """y[t] = x[t] + W[t]: a learned row for each of `count` positions (V), added to a sequence of at most that length.

    Shapes: input and output (B, T, C), weight (V, C) with T ≤ V. Gehring et al. 2017.
    """

    count: Size
    """Longest sequence (V)."""
    dim: Size
    """Extent of the input's last axis (C)."""

    def check_input(self, shape: Shape) -> None:
        if len(shape) != 2 or shape[0] > self.count or shape[1] != self.dim:
            raise ShapeError.expected(
                "PositionalEmbedding input", expected=f"T×{self.dim} with T at most {self.count}", got=shape_text(shape)
            )

    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter("weight", (self.count, self.dim), "normal", self.dim, self.dim),)

    @property
    def fan_in(self) -> None:
        """A row is added, not summed over."""
        return None

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, None]:
        return ops.add(x, ops.rows(p.weight, start=0, stop=x.shape[1])), None

    def backward(self, p: Params, cache: None, dy: Any, run: Run) -> tuple[Any, Gradients]:
        used = ops.sum(dy, axes=0)  # (T, C)
        unused = self.count - dy.shape[1]
        return dy, {"weight": ops.pad(used, axis=0, before=0, after=unused) if unused else used}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        return graph.node("Add", x.name, graph.constant(graph.array("weight")[: x.shape[0]]))
