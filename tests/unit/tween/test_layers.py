"""Every registered kind of layer can be tweened: its parameters move, at its own pace, and bring the loss down."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from loom_py import (
    LSTM,
    Dense,
    LayerNorm,
    MultiHeadAttention,
    Network,
    Parallel,
    Residual,
    Sequential,
    SwiGLU,
    TrainingConfig,
    TweenConfig,
    TweenTrainer,
)
from loom_py.layers import REGISTRY
from loom_py.shapes import AnyArray
from tests.unit.layers.examples import EXAMPLES, Example, named_examples

CASES = [
    pytest.param(kind, example, id=name)
    for name, kind, example in named_examples()
    if len(example.shape) > 1  # a network's input has an axis beside the batch
]
MSE = TrainingConfig(loss="mse")


def network(kind: str, example: Example) -> Network:
    """The layer behind one that has parameters whatever the kind: what goes back must get through it."""
    layer = example.layer(kind)
    before = [] if example.ids or example.shape[-1] == 1 else [LayerNorm(example.shape[-1])]
    return Network.of(example.shape[1:], [*before, layer], seed=4)


def problem(net: Network, example: Example) -> tuple[AnyArray, AnyArray]:
    rng = np.random.default_rng(8)
    x = example.input(rng, np.float32)
    return x, rng.uniform(0.1, 0.9, (len(x), *net.get_blueprint().output_shape)).astype(np.float32)


def moved(net: Network, before: dict[str, Any]) -> set[str]:
    after = net.parameters()
    trained = {place.name for place in net.engine.layout.trained}
    return {name for name in trained if np.any(after[name] != before[name])}


def test_no_kind_is_left_out() -> None:
    assert set(EXAMPLES) == {name for name, cls in REGISTRY.items() if cls.__module__.startswith("loom_py.")}


@pytest.mark.parametrize("mode", ["chain", "target"])
@pytest.mark.parametrize(("kind", "example"), CASES)
def test_a_few_steps_move_every_layer_and_stay_finite(kind: str, example: Example, mode: Any) -> None:
    net = network(kind, example)
    x, y = problem(net, example)
    before = net.parameters()
    trainer = TweenTrainer(net, TweenConfig(mode=mode, least_budget=0.0), loss="mse")
    for _ in range(3):
        step = trainer.step(x, y)
        assert step.updated
        assert math.isfinite(step.loss)
        for view in step.views:
            assert 0 <= view.link_budget <= 1
            assert math.isfinite(view.gap)
            assert view.bad_values == 0
    assert all(np.isfinite(value).all() for value in net.parameters().values())
    owners = {name.rpartition(".")[0] for name in moved(net, before)}
    assert owners == {place.path for place in net.engine.layout.trained}


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_chain_mode_brings_the_loss_down(kind: str, example: Example) -> None:
    net = network(kind, example)
    x, y = problem(net, example)
    trainer = TweenTrainer(net, TweenConfig(learning_rate=0.5), loss="mse")
    before = net.evaluate(x, y, MSE).loss
    for _ in range(40):
        trainer.step(x, y)
    assert net.evaluate(x, y, MSE).loss < before


@pytest.mark.parametrize(
    ("layer", "pace"),
    [
        (Dense(6, 6), 1.0),
        (LSTM(6, 6), 0.5),
        (MultiHeadAttention(6, 2), 0.2),
        (SwiGLU(6, 4), 0.2),
        (LayerNorm(6), 0.1),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("wrap", [lambda own: Sequential([own]), lambda own: Residual([Parallel([own], "add")])])
def test_a_layer_goes_at_its_own_pace_however_deep_it_is_nested(layer: Any, pace: float, wrap: Any) -> None:
    """Its first step is its pace times the rate times the gradient that the ordinary backward pass gives."""
    assert layer.tween_rate == pace
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 4, 3, 6)).astype(np.float32)
    net = Network.of((3, 6), [wrap(layer)], seed=1)
    rate = 1e-2
    before = net.parameters()
    output = net.forward_cpu(x, training=True).output
    net.backward_cpu(y - output)
    raw = net.gradients()
    TweenTrainer(net, TweenConfig(learning_rate=rate), loss="mse").step(x, y)
    after = net.parameters()
    assert len(raw) > 0
    for name, gradient in raw.items():
        share = 1.0 if name.endswith("bias") else 0.1  # of a weight's first step, momentum being 0.9
        step = rate * pace * share * gradient / 12  # rows of the output
        np.testing.assert_allclose(after[name] - before[name], step, rtol=2e-2, atol=2e-7, err_msg=name)
