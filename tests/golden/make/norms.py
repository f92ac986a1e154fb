"""Normalisations; channels are axis 1 for BatchNorm and GroupNorm, the last axis for LayerNorm and RMSNorm."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .params import Config, Params, Spec
from .reference import reference

EPS = 1e-5


def _affine(c: Config) -> dict[str, Spec]:
    return {"weight": Spec((c["dim"],), "scale"), "bias": Spec((c["dim"],), "bias")}


def _batch(c: Config) -> dict[str, Spec]:
    return _affine(c) | {"running_mean": Spec((c["dim"],), "mean"), "running_var": Spec((c["dim"],), "var")}


@reference("LayerNorm", "torch.nn.functional.layer_norm", _affine)
def layer_norm(c: Config, p: Params, x: Tensor) -> Tensor:
    return F.layer_norm(x, (c["dim"],), p["weight"], p["bias"], c.get("eps", EPS))


@reference("RMSNorm", "torch.nn.functional.rms_norm", lambda c: {"weight": Spec((c["dim"],), "scale")})
def rms_norm(c: Config, p: Params, x: Tensor) -> Tensor:
    return F.rms_norm(x, (c["dim"],), p["weight"], c.get("eps", EPS))


@reference("GroupNorm", "torch.nn.functional.group_norm", _affine)
def group_norm(c: Config, p: Params, x: Tensor) -> Tensor:
    return F.group_norm(x, c["groups"], p["weight"], p["bias"], c.get("eps", EPS))


@reference("BatchNorm", "torch.nn.functional.batch_norm (running variance unbiased, momentum 0.1)", _batch)
def batch_norm(c: Config, p: Params, x: Tensor) -> Tensor:
    mean, var = p["running_mean"].detach().clone(), p["running_var"].detach().clone()
    momentum = c.get("momentum", 0.1)
    y = F.batch_norm(x, mean, var, p["weight"], p["bias"], p.training, momentum, c.get("eps", EPS))
    p.renew("running_mean", mean)  # F.batch_norm has written the new statistics into them
    p.renew("running_var", var)
    return y
