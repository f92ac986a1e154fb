"""The models of the bench in PyTorch, from our parameters, as a native baseline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from _models import MODELS, TRANSFORMERS, batch_of
from torch import Tensor

P = dict[str, Tensor]


def _dense(p: P, path: str, x: Tensor, prefix: str = "") -> Tensor:
    return F.linear(x, p[f"{path}.{prefix}weight"].T, p[f"{path}.{prefix}bias"])


def _mlp(p: P, x: Tensor) -> Tensor:
    return _dense(p, "2", F.relu(_dense(p, "1", F.relu(_dense(p, "0", x)))))


def _cnn(p: P, x: Tensor) -> Tensor:
    for path in ("0", "2"):
        x = F.max_pool2d(F.relu(F.conv2d(x, p[f"{path}.weight"], p[f"{path}.bias"], padding=1)), 2)
    return _dense(p, "5", x.flatten(1))


def _lstm(p: P, x: Tensor) -> Tensor:
    """By PyTorch's own fused LSTM, whose gates have the order i, f, g, o too."""
    weights = [p["0.weight_ih"].T.contiguous(), p["0.weight_hh"].T.contiguous(), p["0.bias"]]
    zero = torch.zeros(1, x.shape[0], weights[1].shape[1])
    flat = [*weights, torch.zeros_like(weights[2])]
    last = torch.lstm(x, (zero, zero), flat, True, 1, 0.0, True, False, True)[1]
    return _dense(p, "1", last[0])


def _norm(p: P, path: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], p[f"{path}.weight"], p[f"{path}.bias"])


def _attention(p: P, path: str, x: Tensor, heads: int) -> Tensor:
    parts = (_dense(p, path, x, f"{n}_").unflatten(-1, (heads, -1)) for n in ("query", "key", "value"))
    q, k, v = (part.transpose(1, 2) for part in parts)
    seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return _dense(p, path, seen.transpose(1, 2).flatten(2), "output_")


def _transformer(p: P, x: Tensor, blocks: int, heads: int) -> Tensor:
    for block in range(0, 2 * blocks, 2):
        x = x + _attention(p, f"{block}.layers.1", _norm(p, f"{block}.layers.0", x), heads)
        inner = F.gelu(_dense(p, f"{block + 1}.layers.1", _norm(p, f"{block + 1}.layers.0", x)))
        x = x + _dense(p, f"{block + 1}.layers.2", inner)
    return _dense(p, str(2 * blocks + 1), _norm(p, str(2 * blocks), x))


FORWARD: dict[str, Callable[[P, Tensor], Tensor]] = {
    "mlp-128": _mlp,
    "mlp-32": _mlp,
    "cnn-digits": _cnn,
    "lstm": _lstm,
    **{name: partial(_transformer, blocks=t.blocks, heads=t.heads) for name, t in TRANSFORMERS.items()},
}


def step_of(name: str, digits: bytes) -> Callable[[], float]:
    """The training step of a model; each call makes one and returns its loss."""
    step = sent_step_of(name, digits, "cpu")
    return lambda: step().item()


def sent_step_of(name: str, digits: bytes, device: str) -> Callable[[], Tensor]:
    """The same on a device; the loss is given as it will be there, and nothing waits for it."""
    model, batch = MODELS[name], batch_of(name, digits)
    start = model.network("numpy").parameters()
    p = {path: torch.from_numpy(value.copy()).to(device).requires_grad_() for path, value in start.items()}
    x = torch.from_numpy(np.array(batch.input)).to(device)
    y = torch.from_numpy(np.array(batch.target)).long().flatten().to(device)
    optimizer = torch.optim.SGD(p.values(), lr=model.rate)

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(FORWARD[name](p, x).flatten(0, -2), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach()

    return step
