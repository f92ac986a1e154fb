"""The loss of each training step of the two character models of `tests/golden/text.py`, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.golden import text

from .files import Entry
from .params import Params, leaf
from .reference import run, shapes_of


def _optimizer(model: str, weights: list[Tensor]) -> torch.optim.Optimizer:
    if model == "lstm":
        return torch.optim.Adam(weights, lr=0.01)
    matrices, vectors = [w for w in weights if w.ndim > 1], [w for w in weights if w.ndim < 2]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.003, weight_decay=0.1)


def _record(model: str) -> Entry:
    layers = text.MODELS[model](text.characters()[1])
    paths = {f"{i}.{n}": s.shape for i, layer in enumerate(layers) for n, s in shapes_of(layer).items()}
    weights = {path: leaf(text.start(path, shape), torch.float64, gradient=True) for path, shape in paths.items()}
    optimizer = _optimizer(model, list(weights.values()))
    losses = []
    for ids, following in zip(*map(torch.from_numpy, text.batches()), strict=True):
        optimizer.zero_grad()
        x = ids
        for index, layer in enumerate(layers):
            x = run(layer, Params(weights, training=True).child(str(index)), x)
        loss = F.cross_entropy(x.flatten(0, 1), following.long().flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        if model == "transformer":
            torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return {"name": model, "layers": layers}, {"losses": np.array(losses)}


def entries() -> list[Entry]:
    return [_record(model) for model in text.MODELS]
