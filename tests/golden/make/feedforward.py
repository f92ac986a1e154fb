"""Dense, convolutions, pools, embeddings, SwiGLU and the layers that only reshape."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .params import Config, Params, Spec
from .reference import activate, reference, with_bias


def _dense(c: Config) -> dict[str, Spec]:
    specs = {"weight": Spec((c["inputs"], c["outputs"]), "weight"), "bias": Spec((c["outputs"],), "bias")}
    return with_bias(c, True, specs)


@reference("Dense", "torch.nn.functional.linear", _dense)
def dense(c: Config, p: Params, x: Tensor) -> Tensor:
    return activate(c, F.linear(x, p["weight"].T, p.get("bias")))


@reference("Activation", "torch.nn.functional")
def activation(c: Config, p: Params, x: Tensor) -> Tensor:
    return activate({"activation": c["function"]}, x)


def _kernel(c: Config, axes: int) -> tuple[int, ...]:
    size = c["kernel_size"]
    return (size,) * axes if isinstance(size, int) else tuple(size)


def _conv(axes: int, c: Config) -> dict[str, Spec]:
    weight = Spec((c["out_channels"], c["in_channels"], *_kernel(c, axes)), "weight")
    return with_bias(c, True, {"weight": weight, "bias": Spec((c["out_channels"],), "bias")})


@reference("Conv1D", "torch.nn.functional.conv1d", lambda c: _conv(1, c))
def conv1d(c: Config, p: Params, x: Tensor) -> Tensor:
    stride, padding, dilation = c.get("stride", 1), c.get("padding", 0), c.get("dilation", 1)
    return activate(c, F.conv1d(x, p["weight"], p.get("bias"), stride, padding, dilation))


@reference("Conv2D", "torch.nn.functional.conv2d", lambda c: _conv(2, c))
def conv2d(c: Config, p: Params, x: Tensor) -> Tensor:
    stride, padding, dilation = c.get("stride", 1), c.get("padding", 0), c.get("dilation", 1)
    return activate(c, F.conv2d(x, p["weight"], p.get("bias"), stride, padding, dilation))


@reference("MaxPool1D", "torch.nn.functional.max_pool1d")
def max_pool1d(c: Config, p: Params, x: Tensor) -> Tensor:
    return F.max_pool1d(x, c["size"], c.get("stride"), c.get("padding", 0))


@reference("MaxPool2D", "torch.nn.functional.max_pool2d")
def max_pool2d(c: Config, p: Params, x: Tensor) -> Tensor:
    return F.max_pool2d(x, c["size"], c.get("stride"), c.get("padding", 0))


@reference("AvgPool1D", "torch.nn.functional.avg_pool1d")
def avg_pool1d(c: Config, p: Params, x: Tensor) -> Tensor:
    return F.avg_pool1d(x, c["size"], c.get("stride"), c.get("padding", 0))


@reference("AvgPool2D", "torch.nn.functional.avg_pool2d")
def avg_pool2d(c: Config, p: Params, x: Tensor) -> Tensor:
    return F.avg_pool2d(x, c["size"], c.get("stride"), c.get("padding", 0))


@reference("Embedding", "torch.nn.functional.embedding", lambda c: {"weight": Spec((c["count"], c["dim"]), "bias")})
def embedding(c: Config, p: Params, x: Tensor) -> Tensor:
    return F.embedding(x.long(), p["weight"])


@reference(
    "PositionalEmbedding",
    "torch.nn.functional.embedding of 0…T-1, added",
    lambda c: {"weight": Spec((c["count"], c["dim"]), "bias")},
)
def positional_embedding(c: Config, p: Params, x: Tensor) -> Tensor:
    return x + F.embedding(torch.arange(x.shape[1]), p["weight"])  # (B,T,C) + (T,C)


def _swiglu(c: Config) -> dict[str, Spec]:
    dim, hidden = c["dim"], c["hidden"]
    specs = {f"{name}_weight": Spec((dim, hidden), "weight") for name in ("gate", "up")}
    specs["down_weight"] = Spec((hidden, dim), "weight")
    specs |= {f"{name}_bias": Spec((hidden,), "bias") for name in ("gate", "up")}
    return with_bias(c, False, specs | {"down_bias": Spec((dim,), "bias")})


@reference("SwiGLU", "down(silu(gate(x)) · up(x)), arXiv:2002.05202, by torch.nn.functional.linear and silu", _swiglu)
def swiglu(c: Config, p: Params, x: Tensor) -> Tensor:
    def project(name: str, value: Tensor) -> Tensor:
        return F.linear(value, p[f"{name}_weight"].T, p.get(f"{name}_bias"))

    return project("down", F.silu(project("gate", x)) * project("up", x))


@reference("Identity", "torch.nn.Identity")
def identity(c: Config, p: Params, x: Tensor) -> Tensor:
    return x * 1  # not x itself, which is a leaf


@reference("Flatten", "torch.flatten from axis 1")
def flatten(c: Config, p: Params, x: Tensor) -> Tensor:
    return x.flatten(1)


@reference("Dropout", "torch.nn.functional.dropout; goldens where nothing is drawn: evaluation, or rate 0")
def dropout(c: Config, p: Params, x: Tensor) -> Tensor:
    if p.training and c["rate"]:
        raise ValueError("Dropout: expected evaluation or rate 0, got a random pass; no two frameworks draw alike")
    return F.dropout(x, c["rate"], p.training)


@reference("Reshape", "torch.reshape")
def reshape(c: Config, p: Params, x: Tensor) -> Tensor:
    return x.reshape(len(x), *c["shape"])


@reference("Permute", "torch.permute")
def permute(c: Config, p: Params, x: Tensor) -> Tensor:
    return x.permute(0, *c["axes"])


@reference("Take", "torch.Tensor.select")
def take(c: Config, p: Params, x: Tensor) -> Tensor:
    return x.select(c.get("axis", 1), c["index"])


@reference("Mean", "torch.mean")
def mean(c: Config, p: Params, x: Tensor) -> Tensor:
    return x.mean(c.get("axes", 1), keepdim=c.get("keepdims", False))


@reference("Max", "torch.amax")
def largest(c: Config, p: Params, x: Tensor) -> Tensor:
    return x.amax(c.get("axes", 1), keepdim=c.get("keepdims", False))
