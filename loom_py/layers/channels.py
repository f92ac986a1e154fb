"""A weight and a bias per channel, channels being axis 1: shared by batch and group normalisation."""

from __future__ import annotations

from typing import Any

from loom_py import ops
from loom_py.errors import ShapeError
from loom_py.layers.layer import Gradients, Layer
from loom_py.layers.run import Params
from loom_py.shapes import Shape, shape_text


def check_channels(layer: Layer, shape: Shape, dim: int) -> None:
    """Raise ShapeError unless a sample has `dim` channels first."""
    if not shape or shape[0] != dim:
        raise ShapeError.expected(
            f"{type(layer).__name__} input",
            expected=f"a first axis of {dim} (dim)",
            got=shape_text(shape),
            do=f"give dim={shape[0] if shape else 1}, or change the layer before",
        )


def channelwise(value: Any, like: Any) -> Any:
    """(C) as (C, 1, …, 1), to broadcast with (B, C, …)."""
    return ops.reshape(value, shape=(like.shape[1], *(1,) * (len(like.shape) - 2)))


def other_axes(x: Any) -> tuple[int, ...]:
    """All axes but that of channels."""
    return (0, *range(2, len(x.shape)))


def affine(p: Params, normal: Any) -> Any:
    """w · n + b."""
    return ops.add(ops.multiply(normal, channelwise(p.weight, normal)), channelwise(p.bias, normal))


def affine_backward(p: Params, normal: Any, dy: Any) -> tuple[Any, Gradients]:
    """Gradient of the normal values and of weight and bias."""
    axes = other_axes(dy)
    gradients = {"weight": ops.sum(ops.multiply(dy, normal), axes=axes), "bias": ops.sum(dy, axes=axes)}
    return ops.multiply(dy, channelwise(p.weight, dy)), gradients
