"""Group normalisation."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple

import numpy as np

from loom_py import ops
from loom_py.config.fields import Positive, Size
from loom_py.errors import ConfigError
from loom_py.layers.channels import affine, affine_backward, check_channels
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue, reshape_node
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape, size_of


class GroupNormCache(NamedTuple):
    """Values that backward needs."""

    normal: Any  # (B, C, …)
    rstd: Any  # (B, groups, 1)


@layer
class GroupNorm(Layer):
    """y = w · (x - mean) / √(var + ε) + b, with mean and variance of each sample's groups of channels (Wu & He 2018).

    Shapes: input and output (B, C, …), weight (C), bias (C); `groups` divides C = `dim`.
    """

    unit_axis: ClassVar[int] = 1
    normalises: ClassVar[bool] = True
    mixes_entries: ClassVar[bool] = True

    groups: Size
    """Number of groups of channels; a divisor of `dim`."""
    dim: Size
    """Channels (C)."""
    _: KW_ONLY
    eps: Positive = 1e-5
    """Added to the variance, against division by 0 (ε)."""

    def check(self) -> None:
        if self.dim % self.groups:
            raise ConfigError.expected("GroupNorm.groups", expected=f"a divisor of dim={self.dim}", got=self.groups)

    def check_input(self, shape: Shape) -> None:
        check_channels(self, shape, self.dim)

    def parameters(self) -> tuple[Parameter, ...]:
        return Parameter("weight", (self.dim,), "ones"), Parameter("bias", (self.dim,))

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, GroupNormCache]:
        grouped, rstd = ops.normalise(self._grouped(x), axes=(-1,), eps=self.eps)
        normal = ops.reshape(grouped, shape=x.shape)
        return affine(p, normal), GroupNormCache(normal, rstd)

    def backward(self, p: Params, cache: GroupNormCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        dnormal, gradients = affine_backward(p, cache.normal, dy)
        dx = ops.normalise_gradient(self._grouped(dnormal), self._grouped(cache.normal), cache.rstd, axes=(-1,))
        return ops.reshape(dx, shape=dy.shape), gradients

    def _grouped(self, x: Any) -> Any:
        """(B, groups, values of a group)."""
        return ops.reshape(x, shape=(x.shape[0], self.groups, -1))

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        """Each group as a channel of an InstanceNormalization; GroupNormalization per channel came with opset 21."""
        unit = graph.constant(np.ones(self.groups)), graph.constant(np.zeros(self.groups))
        grouped = reshape_node(graph, x.name, (-1, self.groups, size_of(x.shape) // self.groups))
        normal = graph.node("InstanceNormalization", grouped, *unit, epsilon=self.eps)
        normal = reshape_node(graph, normal, (-1, *x.shape))
        each = (self.dim, *(1 for _ in x.shape[1:]))
        weight, bias = (graph.constant(graph.array(name).reshape(each)) for name in ("weight", "bias"))
        return graph.node("Add", graph.node("Mul", normal, weight), bias)
