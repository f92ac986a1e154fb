"""Base of recurrent layers: time first, one product for all inputs, steps unrolled, a state to carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from loom_py import ops
from loom_py.config.fields import Count, Size
from loom_py.errors import ShapeError, UnavailableError
from loom_py.layers.layer import Layer, Parameter
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.run import Params, Run
from loom_py.shapes import AnyArray, Shape, shape_text

LONGEST = 1024
"""Most time steps. Each adds instructions to the Program: cut longer inputs and carry the state."""


class Padding(NamedTuple):
    """The run's mask by time step. A padded step holds the state: real · new + padded · old, exact for 0 and 1."""

    real: list[Any]  # T of (B, 1)
    padded: list[Any]  # likewise: 1 - real

    def hold(self, t: int, new: Any, old: Any) -> Any:
        """The state after step `t`: the new one, or the old one where the step is padding."""
        return ops.add(ops.multiply(new, self.real[t]), ops.multiply(old, self.padded[t]))

    def split(self, t: int, gradient: Any) -> tuple[Any, Any]:
        """The gradient of a state after step `t` as those of the new state and the old one."""
        return ops.multiply(gradient, self.real[t]), ops.multiply(gradient, self.padded[t])


@dataclass(frozen=True)
class Recurrent(Layer):
    """Base of RNN, LSTM and GRU; input (B, T, C).

    With a mask (B, T), padded steps anywhere leave the state as it is: the last state is that of the last real step,
    and the output of a padded step is the state it holds.

    `carry`: largest batch whose last states are carried into the next run (gradients do not flow back); with 0 every
    run starts from zeros. Carried states are arrays of the layer like a running mean: `parameters()` has them, the
    network's `reset_states()` zeroes them.
    """

    inputs: Size
    """Extent of the input's last axis (C)."""
    hidden: Size
    """Units: extent of the state and the output (H)."""
    _: KW_ONLY
    return_sequences: bool = True
    """Whether to return the output of every step, or only of the last."""
    carry: Count = 0
    """Largest batch whose last states are carried into the next run; 0: every run starts from zeros."""

    mixes_entries: ClassVar[bool] = True

    def with_activation(self, present: Mapping[str, str]) -> Layer:
        """A recurrent layer keeps its own: without bounds, states would grow from step to step."""
        return self

    def check_input(self, shape: Shape) -> None:
        if len(shape) != 2 or shape[1] != self.inputs or shape[0] > LONGEST:
            raise ShapeError.expected(
                f"{type(self).__name__} input",
                expected=f"T×{self.inputs} (inputs) with T at most {LONGEST}",
                got=shape_text(shape),
            )

    def uses_mask(self, shape: Shape) -> bool:
        return True

    def weights(self, gates: int, biases: tuple[str, ...]) -> tuple[Parameter, ...]:
        """Parameters of a cell with `gates` gates."""
        c, h = self.inputs, self.hidden
        return (
            Parameter("weight_ih", (c, gates * h), "xavier_uniform", c, h),
            Parameter("weight_hh", (h, gates * h), "orthogonal", h, h),
            *(Parameter(name, (gates * h,)) for name in biases),
        )

    def states(self, *names: str) -> tuple[Parameter, ...]:
        """Buffers of the states that are carried."""
        shape = (self.carry, self.hidden)
        return tuple(Parameter(name, shape, trained=False, state=True) for name in names) if self.carry else ()

    def begin(self, p: Params, x: Any, name: str, run: Run) -> Any:
        """The state (B, H) before the first step: the carried one, else zeros."""
        b = x.shape[0]
        if not self.carry:
            return ops.fill(x, shape=(b, self.hidden))
        if b > self.carry:
            raise ShapeError.expected(
                f"layer {run.path}: {type(self).__name__} that carries its state",
                expected=f"a batch of at most {self.carry} (carry)", got=b, do="give a larger carry",
            )  # fmt: skip
        return ops.copy(ops.rows(p.get(name), start=0, stop=b))

    def padding(self, x: Any, run: Run) -> Padding | None:
        """The mask by time step; None without one."""
        if run.mask is None:
            return None
        b, t, _ = x.shape
        if tuple(run.mask.shape) != (b, t):
            raise ShapeError.expected(
                f"layer {run.path}: {type(self).__name__}: mask", expected=(b, t), got=tuple(run.mask.shape)
            )
        real = by_time(ops.reshape(run.mask, shape=(b, t, 1)))
        padded = ops.subtract(1.0, real)
        return Padding([step(real, i, b) for i in range(t)], [step(padded, i, b) for i in range(t)])

    def end(self, p: Params, name: str, state: Any) -> None:
        """Store the last state for the next run, with `carry`."""
        if self.carry:
            ops.store(p.get(name), state)

    def torch_state(self) -> dict[str, Shape]:
        """Of `nn.RNN`, `nn.GRU` or `nn.LSTM` with one layer and one direction."""
        shapes = {p.name: p.shape for p in self.parameters() if not p.state}
        ih, hh = shapes["weight_ih"][::-1], shapes["weight_hh"][::-1]
        return {"weight_ih_l0": ih, "weight_hh_l0": hh, "bias_ih_l0": ih[:1], "bias_hh_l0": ih[:1]}

    def from_torch(self, state: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        """Weights transposed; PyTorch's two biases become one, their sum."""
        return {
            "weight_ih": state["weight_ih_l0"].T,
            "weight_hh": state["weight_hh_l0"].T,
            "bias": state["bias_ih_l0"] + state["bias_hh_l0"],
        }

    def onnx_cell(
        self,
        graph: OnnxGraph,
        x: OnnxValue,
        biases: tuple[AnyArray, AnyArray],
        order: Sequence[int] = (0,),
        **more: Any,
    ) -> str:
        """A node of the layer's own name with gates in ONNX's order; its axes are time, directions, batch."""
        if self.carry:
            raise UnavailableError(
                "ONNX export: expected a layer without a carried state, got one; do: make the layer with carry=0"
            )

        def reordered(array: AnyArray) -> str:
            gates = np.split(array, len(order), axis=-1)
            return graph.constant(np.concatenate([gates[i] for i in order], axis=-1).T[None])

        weights = reordered(graph.array("weight_ih")), reordered(graph.array("weight_hh"))
        split = [np.split(bias, len(order)) for bias in biases]
        bias = graph.constant(np.concatenate([side[i] for side in split for i in order])[None])
        steps = graph.node("Transpose", x.name, perm=[1, 0, 2])
        last = int(not self.return_sequences)  # output 0: of every step (T, 1, B, H); 1: of the last (1, B, H)
        kind = type(self).__name__
        y = graph.node(kind, steps, *weights, bias, output=last, hidden_size=self.hidden, **more)
        y = graph.node("Squeeze", y, graph.constant([1 - last]))
        return y if last else graph.node("Transpose", y, perm=[1, 0, 2])

    tween_rate: ClassVar[float] = 0.5


def by_time(x: Any) -> Any:
    """(B, T, C) → (T·B, C)."""
    b, t, c = x.shape
    return ops.reshape(ops.transpose(x, axes=(1, 0, 2)), shape=(t * b, c))


def by_batch(rows: Any, b: int) -> Any:
    """(T·B, C) → (B, T, C)."""
    steps = ops.reshape(rows, shape=(-1, b, rows.shape[-1]))
    return ops.transpose(steps, axes=(1, 0, 2))


def step(rows: Any, t: int, b: int) -> Any:
    """The rows of one time step: (T·B, C) → (B, C)."""
    return ops.rows(rows, start=t * b, stop=(t + 1) * b)


def stacked(parts: list[Any]) -> Any:
    """(B, C) of each time step → (T·B, C)."""
    return ops.concat(*parts, axis=0)


def with_held(gradient: Any, held: Any) -> Any:
    """The gradient of a state, with the part that padding passes on, if any."""
    return gradient if held is None else ops.add(gradient, held)
