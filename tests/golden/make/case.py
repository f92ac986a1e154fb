"""One golden case of a layer: what goes in, and what PyTorch answers in float64 and in float32.

Everything that goes in is exact in float32; what comes out is PyTorch's float64 result. PyTorch's own float32 run gives
the error that a good float32 implementation has on the same numbers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.golden.loader import scales

from .params import Config, Params, Values, draw, leaf
from .reference import REFERENCES, run, shapes_of

Arrays = dict[str, NDArray[Any]]
TOLERANCE = 1e-5


@dataclass(frozen=True, kw_only=True)
class LayerCase:
    """What is asked: a layer in our config format, the shape of its input, and how the input is drawn."""

    name: str
    layer: Config
    shape: tuple[int, ...]  # batch first
    training: bool = True
    values: str = "normal"  # normal | edges | large
    ids: int = 0  # the input is integers below this; 0: it is numbers
    mask: NDArray[np.bool_] | None = None
    weights: str = "drawn"  # drawn | fresh: the layer's start values, 1 for scales and 0 for biases
    tolerance: float = TOLERANCE
    reason: str = ""  # why the tolerance is wider than TOLERANCE

    def rng(self, purpose: str) -> np.random.Generator:
        """Numbers that depend on nothing but the case's layer type, name and purpose."""
        return np.random.default_rng(zlib.crc32(f"{self.layer['type']}/{self.name}/{purpose}".encode()))


EDGES = (0.0, -0.0, 1e-6, -1e-6, 1e-3, -1e-3, 1.0, -1.0, 5.0, -5.0, 15.0, -15.0, 25.0, -25.0, 90.0, -90.0, 1e4, -1e4)


def draw_input(case: LayerCase) -> NDArray[Any]:
    rng = case.rng("input")
    if case.ids:
        return rng.integers(0, case.ids, case.shape).astype(np.int32)
    if case.values == "edges":
        return np.resize(np.asarray(EDGES, np.float32), case.shape)
    values = rng.standard_normal(case.shape)
    return (values * 30 + 100 if case.values == "large" else values).astype(np.float32)


def draw_parameters(case: LayerCase) -> Values:
    rng = case.rng("parameters")
    values = {path: draw(spec, rng) for path, spec in shapes_of(case.layer).items()}
    if case.weights == "fresh":
        starts = {"scale": 1.0, "var": 1.0, "bias": 0.0, "mean": 0.0}
        for path, spec in shapes_of(case.layer).items():
            if spec.kind in starts:
                values[path] = np.full(spec.shape, starts[spec.kind], np.float32)
    return values


def answer(case: LayerCase, dtype: torch.dtype) -> Arrays:
    """Run the reference forward and backward; `output`, `input_gradient`, `gradients/…` and `buffers_after/…`."""
    specs = shapes_of(case.layer)
    values = draw_parameters(case)
    tensors = {path: leaf(value, dtype, gradient=not specs[path].is_buffer) for path, value in values.items()}
    x = leaf(draw_input(case), dtype, gradient=True)
    mask = None if case.mask is None else torch.from_numpy(case.mask)
    params = Params(tensors, case.training, mask)
    y = run(case.layer, params, x)
    y.backward(leaf(draw_output_gradient(case, tuple(y.shape)), dtype, gradient=False))
    answers: dict[str, Tensor | None] = {"output": y}
    answers |= {f"buffers_after/{path}": value for path, value in params.after.items()}
    if x.is_floating_point():
        answers["input_gradient"] = x.grad
    answers |= {f"gradients/{path}": tensor.grad for path, tensor in tensors.items() if tensor.requires_grad}
    return {key: numpy_of(value, key) for key, value in answers.items()}


def draw_output_gradient(case: LayerCase, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return case.rng("output gradient").standard_normal(shape).astype(np.float32)


def numpy_of(value: Tensor | None, key: str) -> NDArray[Any]:
    if value is None:
        raise ValueError(f"{key}: expected a gradient, got none; the parameter is not used by the reference")
    return value.detach().numpy().copy()


def record(case: LayerCase) -> tuple[dict[str, Any], Arrays]:
    """The case's line in the index and its arrays."""
    truth, single = answer(case, torch.float64), answer(case, torch.float32)
    scale = scales(truth)
    errors = {key: float(np.abs(single[key] - truth[key]).max(initial=0.0)) / scale[key] for key in truth}
    if not all(np.isfinite(value).all() for value in truth.values()):
        raise ValueError(f"{case.name}: expected finite answers from PyTorch")
    specs = shapes_of(case.layer)
    inputs: Arrays = {"input": draw_input(case), "output_gradient": draw_output_gradient(case, truth["output"].shape)}
    if case.mask is not None:
        inputs["mask"] = case.mask
    for path, value in draw_parameters(case).items():
        inputs[f"{'buffers' if specs[path].is_buffer else 'parameters'}/{path}"] = value
    line = {
        "name": case.name,
        "layer": case.layer,
        "training": case.training,
        "tolerance": case.tolerance,
        "reason": case.reason,
        "torch_float32_error": max(errors.values()),
        "source": REFERENCES[case.layer["type"]].source,
    }
    return line, inputs | truth
