"""The GRU layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.layers.layer import Gradients, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.recurrent import Padding, Recurrent, by_batch, by_time, stacked, step, with_held
from loom_py.layers.run import Params, Run
from loom_py.ops import FUNCTIONS
from loom_py.shapes import AnyArray


class GRUCache(NamedTuple):
    """Values that backward needs."""

    x: Any  # (T·B, C)
    states: list[Any]  # T+1 of (B, H), the first from before the first step
    gates: list[Any]  # T of (B, 4H): r, z, n, and h_{t-1} W_hn + b_hn
    padding: Padding | None


@layer
class GRU(Recurrent):
    """r,z = σ(x_t W_ih + b_ih + h_{t-1} W_hh + b_hh); n = tanh(x_t W_in + b_in + r·(h_{t-1} W_hn + b_hn)).

    h_t = (1-z)·n + z·h_{t-1}: Cho et al. 2014 in PyTorch's form, the reset gate after the product.

    Shapes: input (B, T, C), output (B, T, H), or (B, H) of the last step; weight_ih (C, 3H), weight_hh (H, 3H), bias_ih
    and bias_hh (3H), gates in the order r, z, n.
    """

    def parameters(self) -> tuple[Parameter, ...]:
        return self.weights(3, ("bias_ih", "bias_hh")) + self.states("state")

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, GRUCache]:
        b, t, _ = x.shape
        rows = by_time(x)
        zx = ops.matmul(rows, p.weight_ih, p.bias_ih)
        states, gates, padding = [self.begin(p, x, "state", run)], [], self.padding(x, run)
        for i in range(t):
            zh = ops.matmul(states[-1], p.weight_hh, p.bias_hh)
            h, opened = ops.gru_step(step(zx, i, b), zh, states[-1])
            states.append(padding.hold(i, h, states[-1]) if padding else h)
            gates.append(opened)
        self.end(p, "state", states[-1])
        y = by_batch(stacked(states[1:]), b) if self.return_sequences else states[-1]
        return y, GRUCache(rows, states, gates, padding)

    def backward(self, p: Params, cache: GRUCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        b, t = dy.shape[0], len(cache.gates)
        zero = ops.fill(dy, shape=(b, self.hidden))
        above = by_time(dy) if self.return_sequences else None
        recurrent, straight = zero, zero
        from_x: list[Any] = [None] * t
        from_h: list[Any] = [None] * t
        for i in reversed(range(t)):
            dh = step(above, i, b) if above is not None else dy if i == t - 1 else zero
            held = None
            if cache.padding:
                dh, held = cache.padding.split(i, ops.add(ops.add(dh, recurrent), straight))
                recurrent = straight = zero
            from_x[i], from_h[i], straight = ops.gru_step_gradient(
                dh, recurrent, straight, cache.gates[i], cache.states[i]
            )
            recurrent = with_held(ops.matmul(from_h[i], p.weight_hh, transpose_b=True), held)
        dzx, dzh = stacked(from_x), stacked(from_h)
        gradients = {
            "weight_ih": ops.matmul(cache.x, dzx, transpose_a=True),
            "weight_hh": ops.matmul(stacked(cache.states[:-1]), dzh, transpose_a=True),
            "bias_ih": ops.sum(dzx, axes=0),
            "bias_hh": ops.sum(dzh, axes=0),
        }
        return by_batch(ops.matmul(dzx, p.weight_ih, transpose_b=True), b), gradients

    def from_torch(self, state: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        """The two biases stay apart: the reset gate acts on only one of them."""
        return {p.name: state[f"{p.name}_l0"].T for p in self.parameters() if not p.state}

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        """ONNX has the gates in the order z, r, n; linear_before_reset puts the reset gate after the product."""
        biases = graph.array("bias_ih"), graph.array("bias_hh")
        return self.onnx_cell(graph, x, biases, (1, 0, 2), linear_before_reset=1)

    bounds: ClassVar[tuple[float, float]] = FUNCTIONS["tanh"].bounds
    reach: ClassVar[tuple[float, float]] = FUNCTIONS["tanh"].reach
