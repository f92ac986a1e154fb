"""RNN, LSTM and GRU by `torch.nn`'s own modules, their weights replaced by ours, transposed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .params import Config, Params, Spec
from .reference import reference


def _weights(c: Config, gates: int) -> dict[str, Spec]:
    width = gates * c["hidden"]
    return {"weight_ih": Spec((c["inputs"], width), "weight"), "weight_hh": Spec((c["hidden"], width), "weight")}


def _one_bias(c: Config, gates: int) -> dict[str, Spec]:
    return _weights(c, gates) | {"bias": Spec((gates * c["hidden"],), "bias")}


def _two_biases(c: Config) -> dict[str, Spec]:
    width = 3 * c["hidden"]
    return _weights(c, 3) | {"bias_ih": Spec((width,), "bias"), "bias_hh": Spec((width,), "bias")}


def _run(module: nn.Module, c: Config, p: Params, x: Tensor, biases: tuple[Tensor, Tensor]) -> Tensor:
    weights = {
        "weight_ih_l0": p["weight_ih"].T,
        "weight_hh_l0": p["weight_hh"].T,
        "bias_ih_l0": biases[0],
        "bias_hh_l0": biases[1],
    }
    states, _ = torch.func.functional_call(module.to(x.dtype), weights, (x,))
    return states if c.get("return_sequences", True) else states[:, -1]


@reference("RNN", "torch.nn.RNN (tanh), bias_hh = 0", lambda c: _one_bias(c, 1))
def rnn(c: Config, p: Params, x: Tensor) -> Tensor:
    module = nn.RNN(c["inputs"], c["hidden"], batch_first=True)
    return _run(module, c, p, x, (p["bias"], torch.zeros_like(p["bias"])))


@reference("LSTM", "torch.nn.LSTM, gates i,f,g,o, bias_hh = 0", lambda c: _one_bias(c, 4))
def lstm(c: Config, p: Params, x: Tensor) -> Tensor:
    module = nn.LSTM(c["inputs"], c["hidden"], batch_first=True)
    return _run(module, c, p, x, (p["bias"], torch.zeros_like(p["bias"])))


@reference("GRU", "torch.nn.GRU, gates r,z,n", _two_biases)
def gru(c: Config, p: Params, x: Tensor) -> Tensor:
    module = nn.GRU(c["inputs"], c["hidden"], batch_first=True)
    return _run(module, c, p, x, (p["bias_ih"], p["bias_hh"]))
