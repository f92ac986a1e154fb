"""The LSTM layer."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from loom_py import ops
from loom_py.layers.layer import Gradients, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.recurrent import Padding, Recurrent, by_batch, by_time, stacked, step, with_held
from loom_py.layers.run import Params, Run
from loom_py.ops import FUNCTIONS


class LSTMCache(NamedTuple):
    """Values that backward needs."""

    x: Any  # (T·B, C)
    states: list[Any]  # T+1 of (B, H), the first from before the first step
    cells: list[Any]  # likewise
    gates: list[Any]  # T of (B, 4H)
    padding: Padding | None


@layer
class LSTM(Recurrent):
    """i,f,g,o = σ,σ,tanh,σ(x_t W_ih + h_{t-1} W_hh + b); c_t = f·c_{t-1} + i·g; h_t = o·tanh(c_t).

    Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    Shapes: input (B, T, C), output (B, T, H), or (B, H) of the last step; weight_ih (C, 4H), weight_hh (H, 4H), bias
    (4H), gates in the order i, f, g, o.
    """

    def parameters(self) -> tuple[Parameter, ...]:
        return self.weights(4, ("bias",)) + self.states("state", "cell")

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, LSTMCache]:
        b, t, _ = x.shape
        rows = by_time(x)
        zx = ops.matmul(rows, p.weight_ih, p.bias)
        states, cells, gates = [self.begin(p, x, "state", run)], [self.begin(p, x, "cell", run)], []
        padding = self.padding(x, run)
        for i in range(t):
            zh = ops.matmul(states[-1], p.weight_hh)
            h, c, opened = ops.lstm_step(step(zx, i, b), zh, cells[-1])
            states.append(padding.hold(i, h, states[-1]) if padding else h)
            cells.append(padding.hold(i, c, cells[-1]) if padding else c)
            gates.append(opened)
        self.end(p, "state", states[-1])
        self.end(p, "cell", cells[-1])
        y = by_batch(stacked(states[1:]), b) if self.return_sequences else states[-1]
        return y, LSTMCache(rows, states, cells, gates, padding)

    def backward(self, p: Params, cache: LSTMCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        b, t = dy.shape[0], len(cache.gates)
        zero = ops.fill(dy, shape=(b, self.hidden))
        above = by_time(dy) if self.return_sequences else None
        recurrent, dc = zero, zero
        dzs: list[Any] = [None] * t
        for i in reversed(range(t)):
            dh = step(above, i, b) if above is not None else dy if i == t - 1 else zero
            held = held_cell = None
            if cache.padding:
                dh, held = cache.padding.split(i, ops.add(dh, recurrent))
                dc, held_cell = cache.padding.split(i, dc)
                recurrent = zero
            dzs[i], dc = ops.lstm_step_gradient(dh, recurrent, dc, cache.gates[i], cache.cells[i], cache.cells[i + 1])
            dc = with_held(dc, held_cell)
            recurrent = with_held(ops.matmul(dzs[i], p.weight_hh, transpose_b=True), held)
        dz = stacked(dzs)
        gradients = {
            "weight_ih": ops.matmul(cache.x, dz, transpose_a=True),
            "weight_hh": ops.matmul(stacked(cache.states[:-1]), dz, transpose_a=True),
            "bias": ops.sum(dz, axes=0),
        }
        return by_batch(ops.matmul(dz, p.weight_ih, transpose_b=True), b), gradients

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        """ONNX has the gates in the order i, o, f, g."""
        bias = graph.array("bias")
        return self.onnx_cell(graph, x, (bias, np.zeros_like(bias)), (0, 3, 1, 2))

    bounds: ClassVar[tuple[float, float]] = FUNCTIONS["tanh"].bounds
    reach: ClassVar[tuple[float, float]] = FUNCTIONS["tanh"].reach
