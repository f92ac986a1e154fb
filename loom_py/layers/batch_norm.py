"""Batch normalisation."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple

from loom_py import ops
from loom_py.config.fields import Positive, Share, Size
from loom_py.layers.channels import affine, affine_backward, channelwise, check_channels, other_axes
from loom_py.layers.layer import Gradients, Layer, Parameter, layer
from loom_py.layers.onnx import OnnxGraph, OnnxValue
from loom_py.layers.run import Params, Run
from loom_py.shapes import Shape, size_of


class BatchNormCache(NamedTuple):
    """Values that backward needs."""

    normal: Any  # (B, C, …)
    rstd: Any  # (1, C, 1, …) or (C, 1, …)
    of_batch: bool  # whether mean and variance depend on the input


@layer
class BatchNorm(Layer):
    """y = w · (x - mean) / √(var + ε) + b per channel, with statistics of the batch in training, else the running ones.

    Training also moves the buffers: running ← running + momentum · (batch - running), the variance as the unbiased
    estimate n/(n-1)·var; they stay where the batch's is not finite. A batch of one value per channel has no variance:
    it is normalised by the running ones in training too, and leaves them alone.

    Shapes: input and output (B, C, …), weight (C), bias (C), running_mean (C), running_var (C).

    Source: Ioffe & Szegedy 2015.
    """

    unit_axis: ClassVar[int] = 1
    normalises: ClassVar[bool] = True
    mixes_entries: ClassVar[bool] = True
    batch_statistics: ClassVar[bool] = True
    torch_unused: ClassVar[tuple[str, ...]] = ("num_batches_tracked",)

    dim: Size
    """Channels (C)."""
    _: KW_ONLY
    eps: Positive = 1e-5
    """Added to the variance, against division by 0 (ε)."""
    momentum: Share = 0.1
    """Weight of a batch's mean and variance in the running ones."""

    def check_input(self, shape: Shape) -> None:
        check_channels(self, shape, self.dim)

    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter("weight", (self.dim,), "ones"),
            Parameter("bias", (self.dim,)),
            Parameter("running_mean", (self.dim,), trained=False),
            Parameter("running_var", (self.dim,), "ones", trained=False, non_negative=True),
        )

    def forward(self, p: Params, x: Any, run: Run) -> tuple[Any, BatchNormCache]:
        count = size_of(x.shape) // self.dim
        of_batch = run.training and count > 1
        if of_batch:
            mean, variance = ops.moments(x, axes=other_axes(x))
            self._remember(p, mean, variance, count)
        else:
            mean, variance = channelwise(p.running_mean, x), channelwise(p.running_var, x)
        rstd = ops.inverse_root(variance, eps=self.eps)
        normal = ops.multiply(ops.subtract(x, mean), rstd)
        return affine(p, normal), BatchNormCache(normal, rstd, of_batch)

    def backward(self, p: Params, cache: BatchNormCache, dy: Any, run: Run) -> tuple[Any, Gradients]:
        dnormal, gradients = affine_backward(p, cache.normal, dy)
        if not cache.of_batch:
            return ops.multiply(dnormal, cache.rstd), gradients
        return ops.normalise_gradient(dnormal, cache.normal, cache.rstd, axes=other_axes(dy)), gradients

    def _remember(self, p: Params, mean: Any, variance: Any, count: int) -> None:
        unbiased = ops.multiply(ops.reshape(variance, shape=(self.dim,)), count / (count - 1))
        ops.lerp(p.running_mean, ops.reshape(mean, shape=(self.dim,)), self.momentum)
        ops.lerp(p.running_var, unbiased, self.momentum)

    def to_onnx(self, graph: OnnxGraph, x: OnnxValue) -> str:
        arrays = [graph.parameter(p.name) for p in self.parameters()]
        return graph.node("BatchNormalization", x.name, *arrays, epsilon=self.eps)
