"""Sequential, Residual and Parallel: what they compute, what they say of themselves, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import (
    ConfigError,
    Dense,
    Dropout,
    Embedding,
    Identity,
    Layer,
    LayerStats,
    Network,
    Observer,
    Parallel,
    Residual,
    Sequential,
    ShapeError,
    Softmax,
    TrainingConfig,
)

RNG = np.random.default_rng(8)
X = RNG.standard_normal((4, 5)).astype(np.float32)


def deep(levels: int) -> Layer:
    inner: Layer = Dense(5, 5, "tanh")
    for level in range(levels):
        inner = Residual([Parallel([inner, Dense(5, 5)], ("add", "mean")[level % 2])])
    return inner


def test_a_sequential_is_its_layers() -> None:
    layers = [Dense(5, 7, "relu"), Dense(7, 3), Softmax()]
    flat, nested = Network.of(5, layers, seed=1), Network.of(5, [Sequential(layers)], seed=1)
    nested.set_parameters({f"0.layers.{name}": value for name, value in flat.parameters().items()})
    np.testing.assert_array_equal(nested.forward(X), flat.forward(X))
    assert nested.engine.compiler.gives((1, 5)).kind == "probabilities"


def test_parallel_combinations() -> None:
    branches = [Dense(5, 5), Identity(), Dense(5, 5, "relu")]
    parts = [Network.of(5, [branch], seed=4) for branch in branches]
    outputs = []
    for part in parts:
        part.set_parameters({name: RNG.standard_normal(value.shape) for name, value in part.parameters().items()})
        outputs.append(part.forward(X))
    wanted = {"concat": np.concatenate(outputs, -1), "add": sum(outputs), "mean": np.mean(outputs, 0)}
    for combine, value in wanted.items():
        net = Network.of(5, [Parallel(branches, combine)])  # type: ignore[arg-type]
        for number, part in enumerate(parts):
            own = {f"0.branches.{number}.{n.removeprefix('0.')}": v for n, v in part.parameters().items()}
            net.set_parameters(own)
        np.testing.assert_allclose(net.forward(X), value, rtol=1e-5, atol=1e-6)


def test_gates_choose_a_branch() -> None:
    net = Network.of(5, [Parallel([Identity(), Residual([Identity()])], "gated", gate_inputs=5)])
    net.set_parameters({"0.gate_weight": np.zeros((5, 2)), "0.gate_bias": [50, -50]})
    np.testing.assert_allclose(net.forward(X), X, rtol=1e-6)
    net.set_parameters({"0.gate_bias": [-50, 50]})
    np.testing.assert_allclose(net.forward(X), 2 * X, rtol=1e-6)


def test_deep_nests_train_and_every_layer_is_seen_once_each_way() -> None:
    seen: list[tuple[str, str]] = []

    class Watcher(Observer):
        def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
            seen.append((stats.path, stats.phase))

        def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
            seen.append((stats.path, stats.phase))

    net = Network.of(5, [deep(6), Dropout(0.1), Dense(5, 2)], seed=2)
    paths = [layer.path for layer in net.get_blueprint().walk()]
    assert "0.layers.0.branches.0.layers.0.branches.1" in paths
    y = (X.sum(-1) > 0).astype(int)
    result = net.fit(X, y, TrainingConfig(epochs=25, learning_rate=0.1))
    assert result.loss_history[-1] < 0.7 * result.loss_history[0]
    net.set_observer(Watcher())
    net.fit(X, y)
    assert sorted(seen) == sorted((path, phase) for path in paths for phase in ("forward", "backward"))


def test_counts_of_nests_add_up() -> None:
    blueprint = Network.of(5, [deep(3)]).get_blueprint()
    assert blueprint.total_params == 4 * 30
    assert blueprint.layers[0].num_params == 120
    assert blueprint.layers[0].flops == 4 * (2 * 5 * 5 * 1 + 5) + blueprint_elementwise()


def blueprint_elementwise() -> int:
    """tanh once (4 a value), and at each of three levels one branch joined and one way around, mean's factor once."""
    return 4 * 5 + 3 * 2 * 5 + 5


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Sequential([]), "at least one layer"),
        (lambda: Residual([]), "at least one layer"),
        (lambda: Parallel([]), "at least one layer"),
        (lambda: Sequential([3]), "Layer"),  # type: ignore[list-item]
        (lambda: Sequential(Dense(2, 2)), "a list"),  # type: ignore[arg-type]
        (lambda: Parallel([Identity()], "multiply"), "'concat'"),  # type: ignore[arg-type]
        (lambda: Parallel([Identity()], "gated"), "last axis of the input"),
        (lambda: Parallel([Identity()], "add", gate_inputs=3), 'None unless combine is "gated"'),
        (lambda: Parallel([Dense(2, 2), Embedding(3, 2)]), "values, or all ids"),
        (lambda: Parallel([Embedding(3, 2)], "gated", gate_inputs=3), "values, or all ids"),
        (lambda: Residual([Embedding(3, 2)]), "ids"),
    ],
)
def test_bad_nests_are_refused(make: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        make()


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Residual([Dense(5, 4)]), "layer 0: Residual: expected inner layers that keep 5, got 4"),
        (Parallel([Dense(5, 4), Dense(5, 3)], "add"), "layer 0: Parallel: expected branches whose outputs have one"),
        (Parallel([Dense(5, 4)], "gated", gate_inputs=4), "layer 0: Parallel input: expected a last axis of 4"),
        (Sequential([Identity(), Dense(4, 4)]), "layer 0.layers.1: Dense input"),
    ],
)
def test_bad_shapes_are_refused_by_their_path(layer: Layer, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        Network.of(5, [layer])
