"""Every optimizer against PyTorch: ten training steps, their losses, the final parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import Batch, Network, Observer, TrainingConfig, TrainingEvent, ops
from loom_py.layers import Run, from_config
from loom_py.losses import resolve_loss
from loom_py.optimizers import OPTIMIZERS, Optimizer
from tests.golden.loader import Arrays, Golden, load, relative_errors

CASES = load("optimizers")


def name_of(case: Golden) -> str:
    return str(case.line["name"])


def made(case: Golden) -> Optimizer:
    options = {key: value for key, value in case.line["optimizer"].items() if key != "type"}
    return OPTIMIZERS[case.line["optimizer"]["type"]](**options)


def wanted(case: Golden) -> Arrays:
    return {key: value for key, value in case.arrays.items() if key.startswith(("losses", "final/"))}


def gradients(case: Golden, weights: Arrays, x: Any, target: Any) -> tuple[float, Arrays]:
    """Loss and gradients of the case's network, eagerly, in the precision of the weights."""
    layers = [from_config(config) for config in case.line["layers"]]
    run = Run(weights, True, np.zeros((), np.int64))
    caches = []
    for index, layer in enumerate(layers):
        x, cache = run.forward(str(index), layer, x)
        caches.append(cache)
    loss, dy = resolve_loss(case.line["loss"]).head("values")(x, target)
    for index in reversed(range(len(layers))):
        dy = run.backward(str(index), layers[index], caches[index], dy)
    return float(loss), {path: run.gradients[path] for path in weights}


def clip(case: Golden, g: Any) -> float:
    """The factor of clipping by norm; clipping by value is done in place."""
    if case.line["gradient_clip_value"] is not None:
        ops.clip_values(g, limit=case.line["gradient_clip_value"])
    norm = float(np.linalg.norm(g))
    return (
        1.0 if case.line["gradient_clip"] is None else float(ops.clip_scale(norm, max_norm=case.line["gradient_clip"]))
    )


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_formula_in_float64(case: Golden) -> None:
    weights = {path: value.astype(np.float64) for path, value in case.group("initial").items()}
    optimizer = made(case)
    flat = np.concatenate([w.ravel() for w in weights.values()])
    state = {name: np.zeros_like(flat) for name in optimizer.state()}
    losses = []
    for step, (x, target) in enumerate(zip(case.arrays["inputs"], case.arrays["targets"], strict=True)):
        start = 0
        for path, w in weights.items():
            weights[path] = flat[start : start + w.size].reshape(w.shape)
            start += w.size
        label = target if target.dtype.kind == "i" else target.astype(np.float64)
        loss, g = gradients(case, weights, x.astype(np.float64), label)
        losses.append(loss)
        whole = np.concatenate([v.ravel() for v in g.values()])
        scale = np.asarray(clip(case, whole))
        rate, count = np.asarray(case.line["learning_rate"]), np.asarray(step + 1.0)
        optimizer.update(flat, whole, state, rate, count, scale, np.asarray(1.0))
    got = {"losses": np.array(losses)} | {f"final/{path}": value for path, value in weights.items()}
    # the factor of clipping is a float32 scalar of the Program
    tolerance = 1e-6 if case.line["gradient_clip"] is not None else 1e-11
    errors = relative_errors(got, wanted(case))
    assert max(errors.values()) <= tolerance, errors


def test_every_optimizer_has_goldens() -> None:
    assert {case.line["optimizer"]["type"] for case in CASES} == set(OPTIMIZERS)


class Curve(Observer):
    """Keeps loss and gradient norm of every step."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.norms: list[float] = []

    def on_training_event(self, event: TrainingEvent) -> None:
        if event.type == "batch_end":
            assert event.loss is not None and event.gradient_norm is not None
            self.losses.append(event.loss)
            self.norms.append(event.gradient_norm)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_training_in_float32(case: Golden) -> None:
    net = Network.of(case.arrays["inputs"].shape[2], [from_config(config) for config in case.line["layers"]], seed=0)
    net.set_parameters(case.group("initial"))
    curve = Curve()
    net.set_observer(curve)
    config = TrainingConfig(
        learning_rate=case.line["learning_rate"],
        loss=case.line["loss"],
        optimizer=made(case),
        gradient_clip=case.line["gradient_clip"],
        gradient_clip_value=case.line["gradient_clip_value"],
    )
    net.train([Batch(x, t) for x, t in zip(case.arrays["inputs"], case.arrays["targets"], strict=True)], config)
    got = {"losses": np.array(curve.losses), "gradient_norms": np.array(curve.norms)}
    got |= {f"final/{path}": value for path, value in net.parameters().items()}
    errors = relative_errors(got, wanted(case) | {"gradient_norms": case.arrays["gradient_norms"]})
    assert max(errors.values()) <= 1e-5, errors
