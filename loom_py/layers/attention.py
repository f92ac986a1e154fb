"""Multi-head attention."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple

import numpy as np

from loom_py import ops
from loom_py.config.fields import Size
from loom_py.errors import ConfigError, ShapeError
from loom_py.layers.attend import Attended, attend, attend_gradient
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, product_node, reshape_node
from loom_py.layers.run import Params, Run
from loom_py.ops.lookup import ROTARY_BASE, angles
from loom_py.shapes import AnyArray, Shape, shape_text

_PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "o_proj"}


class AttentionCache(NamedTuple):
    """Values that backward needs; J key/value heads, G query heads to each."""

    x: Any  # (B·T, C)
    attended: Attended
    heads: Any  # (B·T, H·D)


@layer
class MultiHeadAttention(Layer):
    """y = concat over heads of softmax(Q Kᵀ/√D) V, times W_o; Q, K, V = x W_q, x W_k, x W_v (Vaswani et al. 2017).

    With `kv_heads` below `heads`, query head h uses key/value head h // (heads/kv_heads) (Ainslie et al. 2023).
    `causal`: a position sees itself and earlier ones. `rotary`: queries and keys are rotated by their positions (Su et
    al. 2021, half-split). No position sees those that the run's mask (B, T) hides. Causal attention from 256 positions
    on, and any with more than 4 Mi scores, never holds all scores in memory (Dao et al. 2022).

    Shapes: input and output (B, T, C); D = C/heads; query_weight (C, H·D), key_weight, value_weight (C, J·D),
    output_weight (H·D, C), and a bias for each.
    """

    dim: Size
    """Extent of input and output (C); a multiple of the heads."""
    heads: Size
    """Query heads (H)."""
    _: KW_ONLY
    kv_heads: Size | None = None
    """Key and value heads (J), a divisor of the query heads; None: as many."""
    causal: bool = False
    """Whether a position sees only itself and earlier ones."""
    rotary: bool = False
    """Whether queries and keys are rotated by their positions."""
    bias: bool = True
    """Whether the four projections have biases."""

    def check(self) -> None:
        if self.dim % self.heads:
            raise ConfigError.expected(
                "MultiHeadAttention.heads", expected=f"a divisor of dim ({self.dim})", got=self.heads
            )
        if self.heads % self._kv:
            raise ConfigError.expected(
                "MultiHeadAttention.kv_heads", expected=f"a divisor of heads ({self.heads})", got=self._kv
            )
        if self.rotary and self._width % 2:
            raise ConfigError.expected(
                "MultiHeadAttention.heads", expected="heads of even width for rotary positions", got=self._width
            )

    def check_input(self, shape: Shape) -> None:
        if len(shape) != 2 or shape[1] != self.dim:
            raise ShapeError.expected("MultiHeadAttention input", expected=f"T×{self.dim} (dim)", got=shape_text(shape))

    @property
    def _kv(self) -> int:
        return self.kv_heads or self.heads

    @property
    def _width(self) -> int:
        return self.dim // self.heads

    def parameters(self) -> tuple[Parameter, ...]:
        c, narrow = self.dim, self._kv * self._width
        widths = (("query", c), ("key", narrow), ("value", narrow), ("output", c))
        weights = tuple(Parameter(f"{name}_weight", (c, n), "xavier_uniform", c, n) for name, n in widths)
        return weights + tuple(Parameter(f"{name}_bias", (n,)) for name, n in widths) if self.bias else weights

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, AttentionCache]:
        b, t, c = x.shape
        k, g, d = self._kv, self.heads // self._kv, self._width
        rows = ops.reshape(x, shape=(b * t, c))
        query = self._rotated(self._split(ops.matmul(rows, p.query_weight, p.get("query_bias")), b, t, g))
        query = ops.reshape(query, shape=(b, k, g * t, d))
        key = self._rotated(self._split(ops.matmul(rows, p.key_weight, p.get("key_bias")), b, t, 1))
        value = self._split(ops.matmul(rows, p.value_weight, p.get("value_bias")), b, t, 1)
        key, value = (ops.reshape(v, shape=(b, k, t, d)) for v in (key, value))
        out, attended = attend(query, key, value, self._mask(run, b, t), causal=self.causal)
        heads = self._join(out, b, t, g)
        y = ops.matmul(heads, p.output_weight, p.get("output_bias"))
        return ops.reshape(y, shape=(b, t, c)), AttentionCache(rows, attended, heads)

    def backward(self, p: Params, cache: AttentionCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        b, t, c = dy.shape
        k, g, d = self._kv, self.heads // self._kv, self._width
        rows = ops.reshape(dy, shape=(b * t, c))
        dout = self._split(ops.matmul(rows, p.output_weight, transpose_b=True), b, t, g)
        dquery, dkey, dvalue = attend_gradient(cache.attended, ops.reshape(dout, shape=(b, k, g * t, d)))
        dquery = ops.reshape(dquery, shape=(b, k, g, t, d))
        dkey = ops.reshape(dkey, shape=(b, k, 1, t, d))
        parts = {
            "query": self._join(self._rotated(dquery, inverse=True), b, t, g),
            "key": self._join(self._rotated(dkey, inverse=True), b, t, 1),
            "value": self._join(dvalue, b, t, 1),
        }
        gradients = {f"{name}_weight": ops.matmul(cache.x, part, transpose_a=True) for name, part in parts.items()}
        gradients["output_weight"] = ops.matmul(cache.heads, rows, transpose_a=True)
        if self.bias:
            gradients |= {f"{name}_bias": ops.sum(part, axes=0) for name, part in parts.items()}
            gradients["output_bias"] = ops.sum(rows, axes=0)
        dx = ops.matmul(parts["query"], p.query_weight, transpose_b=True)
        dx = ops.add(dx, ops.matmul(parts["key"], p.key_weight, transpose_b=True))
        dx = ops.add(dx, ops.matmul(parts["value"], p.value_weight, transpose_b=True))
        return ops.reshape(dx, shape=(b, t, c)), gradients

    def _split(self, rows: Any, b: int, t: int, g: int) -> Any:
        """(B·T, J·G·D) → (B, J, G, T, D)."""
        parts = ops.reshape(rows, shape=(b, t, self._kv, g, self._width))
        return ops.transpose(parts, axes=(0, 2, 3, 1, 4))

    def _join(self, heads: Any, b: int, t: int, g: int) -> Any:
        """(B, J, G, T, D), or any shape with as many elements → (B·T, J·G·D)."""
        parts = ops.reshape(heads, shape=(b, self._kv, g, t, self._width))
        return ops.reshape(ops.transpose(parts, axes=(0, 3, 1, 2, 4)), shape=(b * t, self._kv * g * self._width))

    def _rotated(self, heads: Any, *, inverse: bool = False) -> Any:
        return ops.rotary(heads, inverse=inverse) if self.rotary else heads

    def uses_mask(self, shape: Shape) -> bool:
        return True

    def _mask(self, run: Run, b: int, t: int) -> Any:
        if run.mask is None:
            return None
        if tuple(run.mask.shape) != (b, t):
            raise ShapeError.expected("mask of MultiHeadAttention", expected=(b, t), got=tuple(run.mask.shape))
        return run.mask

    def torch_state(self) -> dict[str, Shape]:
        """Of `nn.MultiheadAttention`; with `kv_heads` or `rotary`, which that lacks, of four `nn.Linear` named as in
        Llama: `q_proj`, `k_proj`, `v_proj`, `o_proj`."""
        if self._has_module:
            c, kinds = self.dim, ("weight", "bias") if self.bias else ("weight",)
            shapes = {"weight": (c, c), "bias": (c,)}
            joined = {f"in_proj_{kind}": (3 * c, *shapes[kind][1:]) for kind in kinds}
            return joined | {f"out_proj.{kind}": shapes[kind] for kind in kinds}
        return {_torch_name(p.name): p.shape[::-1] for p in self.parameters()}

    def from_torch(self, state: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        if not self._has_module:
            return {p.name: state[_torch_name(p.name)].T for p in self.parameters()}
        own: dict[str, AnyArray] = {}
        for kind in ("weight", "bias") if self.bias else ("weight",):
            parts = (*np.split(state[f"in_proj_{kind}"], 3), state[f"out_proj.{kind}"])
            own |= {f"{name}_{kind}": part.T for name, part in zip(_PROJECTIONS, parts, strict=True)}
        return own

    @property
    def _has_module(self) -> bool:
        return self._kv == self.heads and not self.rotary

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        """By simpler nodes, without a padding mask; heads as (B, J, G, T, D)."""
        (t, c), groups = x.shape, self.heads // self._kv
        query = self._onnx_heads(graph, x, "query", groups)
        key, value = (self._onnx_heads(graph, x, name, 1) for name in ("key", "value"))
        scores = graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 1, 2, 4, 3]))
        scores = graph.node("Mul", scores, graph.constant(1 / math.sqrt(self._width)))
        if self.causal:
            scores = graph.node("Add", scores, graph.constant(np.triu(np.full((t, t), -np.inf), 1)))
        out = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
        rows = reshape_node(graph, graph.node("Transpose", out, perm=[0, 3, 1, 2, 4]), (-1, t, c))
        return product_node(graph, rows, "output_weight", "output_bias" if self.bias else None)

    def _onnx_heads(self, graph: OnnxGraph, x: OnnxValue, name: str, groups: int) -> str:
        """A projection (B, T, C) → (B, J, G, T, D), rotated if `rotary` is set."""
        t, half = x.shape[0], self._width // 2
        rows = product_node(graph, x.name, f"{name}_weight", f"{name}_bias" if self.bias else None)
        heads = reshape_node(graph, rows, (-1, t, self._kv, groups, self._width))
        heads = graph.node("Transpose", heads, perm=[0, 2, 3, 1, 4])
        if not self.rotary or name == "value":
            return heads
        cos, sin = (graph.constant(table) for table in angles(t, half, ROTARY_BASE, np.float32))
        axis = graph.constant([-1])
        bounds = [graph.constant([edge]) for edge in (0, half, 2 * half)]
        low = graph.node("Slice", heads, bounds[0], bounds[1], axis)
        high = graph.node("Slice", heads, bounds[1], bounds[2], axis)
        first = graph.node("Sub", graph.node("Mul", low, cos), graph.node("Mul", high, sin))
        second = graph.node("Add", graph.node("Mul", high, cos), graph.node("Mul", low, sin))
        return graph.node("Concat", first, second, axis=-1)

    tween_rate: ClassVar[float] = 0.2
    mixes_entries: ClassVar[bool] = True


def _torch_name(name: str) -> str:
    """`query_weight` → `q_proj.weight`."""
    part, kind = name.split("_")
    return f"{_PROJECTIONS[part]}.{kind}"
