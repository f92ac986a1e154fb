"""Losses: value and gradient from PyTorch in float64.

Cross-entropy is PyTorch's mean over samples (every position of a sequence is one); with class weights and integer
labels that mean is weighted by the labels' weights. The others are means over all elements.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .case import Arrays
from .files import Entry

Loss = Callable[[Tensor, Tensor, dict[str, Any]], Tensor]


@dataclass(frozen=True)
class LossCase:
    """A loss by name with its options, an output and a target."""

    name: str
    loss: str
    output: NDArray[Any]
    target: NDArray[Any]
    options: dict[str, Any] = field(default_factory=dict)


def cross_entropy(logits: Tensor, target: Tensor, options: dict[str, Any]) -> Tensor:
    weights = options.get("class_weights")
    return F.cross_entropy(
        logits.flatten(0, -2),
        target.flatten(0, -2) if target.is_floating_point() else target.flatten().long(),
        weight=None if weights is None else torch.tensor(weights, dtype=logits.dtype),
        label_smoothing=options.get("label_smoothing", 0.0),
    )


def on_probabilities(p: Tensor, target: Tensor, options: dict[str, Any]) -> Tensor:
    if not target.is_floating_point():
        target = F.one_hot(target.long(), p.shape[-1]).to(p.dtype)
    smoothing = options.get("label_smoothing", 0.0)
    target = target * (1 - smoothing) + smoothing / p.shape[-1]
    return -(target * p.log()).sum(-1).mean()


LOSSES: dict[str, tuple[Loss, str]] = {
    "cross_entropy": (cross_entropy, "torch.nn.functional.cross_entropy"),
    "cross_entropy_probabilities": (on_probabilities, "-mean Σ t·log p in torch operations"),
    "binary_cross_entropy": (
        lambda x, t, o: F.binary_cross_entropy_with_logits(x, t),
        "torch.nn.functional.binary_cross_entropy_with_logits",
    ),
    "binary_cross_entropy_probabilities": (
        lambda p, t, o: F.binary_cross_entropy(p, t),
        "torch.nn.functional.binary_cross_entropy",
    ),
    "mse": (lambda x, t, o: F.mse_loss(x, t), "torch.nn.functional.mse_loss"),
    "mae": (lambda x, t, o: F.l1_loss(x, t), "torch.nn.functional.l1_loss"),
    "huber": (lambda x, t, o: F.huber_loss(x, t, delta=o.get("delta", 1.0)), "torch.nn.functional.huber_loss"),
}


def _normal(name: str, *shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)


def _probabilities(name: str, *shape: int) -> NDArray[np.float32]:
    raw = np.exp(_normal(name, *shape).astype(np.float64))
    return (raw / raw.sum(-1, keepdims=True)).astype(np.float32)


def _ids(*values: Any) -> NDArray[np.int32]:
    return np.asarray(values, np.int32)


def classes() -> Iterator[LossCase]:
    x, ids = _normal("logits", 4, 5), _ids(0, 4, 2, 2)
    hot, soft = np.eye(5, dtype=np.float32)[ids], _probabilities("soft", 4, 5)
    weights = {"class_weights": [0.5, 1.0, 2.0, 0.25, 3.0]}
    for kind, target in (("labels", ids), ("one_hot", hot), ("soft", soft)):
        yield LossCase(f"cross_entropy_{kind}", "cross_entropy", x, target)
        yield LossCase(f"cross_entropy_{kind}_smoothed", "cross_entropy", x, target, {"label_smoothing": 0.1})
        yield LossCase(f"cross_entropy_{kind}_weighted", "cross_entropy", x, target, weights)
        yield LossCase(f"cross_entropy_{kind}_both", "cross_entropy", x, target, weights | {"label_smoothing": 0.2})
    huge = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4], [-1e4, 0, 1]], np.float32)
    yield LossCase("cross_entropy_huge", "cross_entropy", huge, _ids(0, 0, 1, 2))
    yield LossCase("cross_entropy_batch_1", "cross_entropy", x[:1], ids[:1])
    yield LossCase("cross_entropy_over_time", "cross_entropy", _normal("time", 2, 3, 5), _ids([0, 1, 4], [3, 3, 2]))
    p = _probabilities("p", 4, 5)
    for kind, target in (("labels", ids), ("one_hot", hot), ("soft", soft)):
        yield LossCase(f"probabilities_{kind}", "cross_entropy_probabilities", p, target)
    small = np.array([[1e-6, 1 - 1e-6], [0.5, 0.5]], np.float32)
    yield LossCase("probabilities_small", "cross_entropy_probabilities", small, _ids(0, 1))
    yield LossCase("probabilities_batch_1", "cross_entropy_probabilities", p[:1], ids[:1])


def elements() -> Iterator[LossCase]:
    bits = (_normal("bits", 5, 3) > 0).astype(np.float32)
    share = _probabilities("share", 5, 3)
    for kind, target in (("bits", bits), ("soft", share)):
        yield LossCase(f"binary_{kind}", "binary_cross_entropy", 3 * _normal("binary", 5, 3), target)
        yield LossCase(f"binary_p_{kind}", "binary_cross_entropy_probabilities", _probabilities("q", 5, 3), target)
    edges = np.array([[1e4, -1e4, 0, 40, -40, 90]], np.float32)
    yield LossCase("binary_huge", "binary_cross_entropy", edges, np.array([[0, 1, 1, 1, 0, 0]], np.float32))
    y, target = 2 * _normal("y", 5, 3), _normal("target", 5, 3)
    target[0] = y[0]  # where the error is 0, MAE's gradient is 0
    for loss in ("mse", "mae", "huber"):
        yield LossCase(loss, loss, y, target)
        yield LossCase(f"{loss}_batch_1", loss, y[1:2], target[1:2])
        yield LossCase(f"{loss}_maps", loss, _normal("maps", 2, 3, 2, 2), _normal("maps target", 2, 3, 2, 2))
        yield LossCase(f"{loss}_large", loss, 1e4 * y, target)
    yield LossCase("huber_delta", "huber", y, target, {"delta": 0.4})


def _record(case: LossCase) -> Entry:
    function, source = LOSSES[case.loss]
    output = torch.from_numpy(case.output).double().requires_grad_()
    target = torch.from_numpy(case.target)
    value = function(output, target.double() if target.is_floating_point() else target, case.options)
    value.backward()
    if output.grad is None or not bool(torch.isfinite(value)):
        raise ValueError(f"{case.name}: expected a finite loss with a gradient, got {value.item()}")
    arrays: Arrays = {"output": case.output, "target": case.target}
    arrays |= {"value": value.detach().numpy().copy(), "gradient": output.grad.numpy().copy()}
    return {"name": case.name, "loss": case.loss, "options": case.options, "source": source}, arrays


def entries() -> list[Entry]:
    return [_record(case) for group in (classes, elements) for case in group()]
