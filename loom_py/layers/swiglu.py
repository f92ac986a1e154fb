"""The gated feed-forward layer of recent transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.config.fields import Size
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, activation_node, product_node
from loom_py.layers.run import Params, Run
from loom_py.shapes import AnyArray, Shape


class SwiGLUCache(NamedTuple):
    """Values that backward needs; R rows (B·…)."""

    x: Any  # (R, C)
    gate: Any  # (R, M), before silu
    opened: Any  # (R, M), after it
    up: Any  # (R, M)
    mixed: Any  # (R, M)


@layer
class SwiGLU(Layer):
    """y = (silu(x G) · (x U)) D, here without biases (Shazeer 2020).

    Shapes: input and output (B, …, C); gate_weight, up_weight (C, M), down_weight (M, C).
    """

    dim: Size
    """Extent of input and output (C)."""
    hidden: Size
    """Hidden width (M)."""
    _: KW_ONLY
    bias: bool = False
    """Whether the three products have biases."""

    def check_input(self, shape: Shape) -> None:
        self.expect_last(shape, self.dim, "dim")

    def parameters(self) -> tuple[Parameter, ...]:
        c, m = self.dim, self.hidden
        weights = (
            Parameter("gate_weight", (c, m), "xavier_uniform", c, m),
            Parameter("up_weight", (c, m), "xavier_uniform", c, m),
            Parameter("down_weight", (m, c), "xavier_uniform", m, c),
        )
        biases = (Parameter("gate_bias", (m,)), Parameter("up_bias", (m,)), Parameter("down_bias", (c,)))
        return weights + biases if self.bias else weights

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, SwiGLUCache]:
        rows = ops.reshape(x, shape=(-1, self.dim))
        gate = ops.matmul(rows, p.gate_weight, p.get("gate_bias"))
        up = ops.matmul(rows, p.up_weight, p.get("up_bias"))
        opened = ops.activate(gate, function="silu")
        mixed = ops.multiply(opened, up)
        y = ops.matmul(mixed, p.down_weight, p.get("down_bias"))
        return ops.reshape(y, shape=x.shape), SwiGLUCache(rows, gate, opened, up, mixed)

    def backward(self, p: Params, cache: SwiGLUCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        rows = ops.reshape(dy, shape=(-1, self.dim))
        dmixed = ops.matmul(rows, p.down_weight, transpose_b=True)
        dup = ops.multiply(dmixed, cache.opened)
        dgate = ops.activate_gradient(ops.multiply(dmixed, cache.up), cache.gate, function="silu")
        gradients = {
            "gate_weight": ops.matmul(cache.x, dgate, transpose_a=True),
            "up_weight": ops.matmul(cache.x, dup, transpose_a=True),
            "down_weight": ops.matmul(cache.mixed, rows, transpose_a=True),
        }
        if self.bias:
            gradients |= {
                f"{name}_bias": ops.sum(g, axes=0) for name, g in (("gate", dgate), ("up", dup), ("down", rows))
            }
        through_gate = ops.matmul(dgate, p.gate_weight, transpose_b=True)
        dx = ops.add(through_gate, ops.matmul(dup, p.up_weight, transpose_b=True))
        return ops.reshape(dx, shape=dy.shape), gradients

    def torch_state(self) -> dict[str, Shape]:
        """Of three `nn.Linear` named as in Llama: `gate_proj`, `up_proj`, `down_proj`."""
        return {_torch_name(p.name): p.shape[::-1] for p in self.parameters()}

    def from_torch(self, state: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        return {p.name: state[_torch_name(p.name)].T for p in self.parameters()}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        def product(of: str, name: str) -> str:
            return product_node(graph, of, f"{name}_weight", f"{name}_bias" if self.bias else None)

        opened = activation_node(graph, product(x.name, "gate"), "silu")
        return product(graph.node("Mul", opened, product(x.name, "up")), "down")

    tween_rate: ClassVar[float] = 0.2


def _torch_name(name: str) -> str:
    return name.replace("_", "_proj.")
