"""The simple recurrent layer."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import numpy as np

from loom_py import ops
from loom_py.layers.activations import activate, activate_backward
from loom_py.layers.layer import Gradients, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, recurrent_activation
from loom_py.layers.recurrent import Padding, Recurrent, by_batch, by_time, stacked, step, with_held
from loom_py.layers.run import Params, Run
from loom_py.ops import ActivationName


class RNNCache(NamedTuple):
    """Values that backward needs."""

    x: Any  # (T·B, C)
    states: list[Any]  # T+1 of (B, H), the first from before the first step
    saved: list[Any]  # T of (B, H): what the activation's gradient needs
    padding: Padding | None


@layer
class RNN(Recurrent):
    """h_t = f(x_t W_ih + h_{t-1} W_hh + b), by default with f = tanh (Elman 1990).

    Shapes: input (B, T, C), output (B, T, H), or (B, H) of the last step; weight_ih (C, H), weight_hh (H, H), bias (H).
    """

    _: KW_ONLY
    activation: ActivationName = "tanh"
    """Activation of each state."""

    def parameters(self) -> tuple[Parameter, ...]:
        return self.weights(1, ("bias",)) + self.states("state")

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, RNNCache]:
        b, t, _ = x.shape
        rows = by_time(x)
        zx = ops.matmul(rows, p.weight_ih, p.bias)
        states, saved, padding = [self.begin(p, x, "state", run)], [], self.padding(x, run)
        for i in range(t):
            z = ops.add(step(zx, i, b), ops.matmul(states[-1], p.weight_hh))
            h, needed = activate(z, self.activation)
            states.append(padding.hold(i, h, states[-1]) if padding else h)
            saved.append(needed)
        self.end(p, "state", states[-1])
        y = by_batch(stacked(states[1:]), b) if self.return_sequences else states[-1]
        return y, RNNCache(rows, states, saved, padding)

    def backward(self, p: Params, cache: RNNCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        b, t = dy.shape[0], len(cache.saved)
        above = by_time(dy) if self.return_sequences else None
        recurrent = ops.fill(dy, shape=(b, self.hidden))
        dzs: list[Any] = [None] * t
        for i in reversed(range(t)):
            dh = ops.add(step(above, i, b), recurrent) if above is not None else dy if i == t - 1 else recurrent
            held = None
            if cache.padding:
                dh, held = cache.padding.split(i, dh)
            dzs[i] = activate_backward(dh, cache.saved[i], self.activation)
            recurrent = with_held(ops.matmul(dzs[i], p.weight_hh, transpose_b=True), held)
        dz = stacked(dzs)
        gradients = {
            "weight_ih": ops.matmul(cache.x, dz, transpose_a=True),
            "weight_hh": ops.matmul(stacked(cache.states[:-1]), dz, transpose_a=True),
            "bias": ops.sum(dz, axes=0),
        }
        return by_batch(ops.matmul(dz, p.weight_ih, transpose_b=True), b), gradients

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        bias = graph.array("bias")
        return self.onnx_cell(graph, x, (bias, np.zeros_like(bias)), **recurrent_activation(self.activation))
