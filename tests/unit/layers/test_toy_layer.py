"""A layer is declared in one place: nothing else is told of it, and everything works with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Any, NamedTuple

import numpy as np
import pytest

from loom_py import Dense, LayerStats, Network, Observer, ShapeError, TrainingConfig, ops
from loom_py.config.fields import Positive, Size
from loom_py.layers import REGISTRY, Layer, Parameter, from_config, layer
from loom_py.shapes import Shape
from tests.unit.layers.gradients import TOLERANCE, gradient_errors


class BendCache(NamedTuple):
    x: Any  # (B, C)
    square: Any  # (B, C)


@pytest.fixture
def bend() -> Iterator[type[Layer]]:
    """The one place."""

    @layer
    class Bend(Layer):
        """y = x + w · x² / unit, a learned curvature per feature; input and output (B, C)."""

        dim: Size
        _: KW_ONLY
        unit: Positive = 1.0

        def check_input(self, shape: Shape) -> None:
            self.expect_last(shape, self.dim, "dim")

        def parameters(self) -> tuple[Parameter, ...]:
            return (Parameter("weight", (self.dim,), "normal"),)

        def forward(self, p: Any, x: Any, run: Any) -> tuple[Any, Any]:
            square = ops.multiply(ops.multiply(x, x), 1 / self.unit)
            return ops.add(x, ops.multiply(square, p.weight)), BendCache(x, square)

        def backward(self, p: Any, cache: Any, dy: Any, run: Any) -> tuple[Any, Any]:
            slope = ops.add(ops.multiply(ops.multiply(cache.x, p.weight), 2 / self.unit), 1.0)
            return ops.multiply(dy, slope), {"weight": ops.sum(ops.multiply(dy, cache.square), axes=0)}

    yield Bend
    del REGISTRY["Bend"]


def network(bend: type[Layer]) -> Network:
    return Network.of(4, [Dense(4, 6, "tanh"), bend(6, unit=2.0), Dense(6, 2)], seed=3)  # type: ignore[call-arg]


def problem() -> tuple[Any, Any]:
    x = np.random.default_rng(1).standard_normal((64, 4)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def test_it_trains(bend: type[Layer]) -> None:
    net, (x, y) = network(bend), problem()
    before = net.parameters()["1.weight"]
    result = net.fit(x, y, TrainingConfig(epochs=30, learning_rate=0.3, batch_size=16))
    assert result.final_loss < 0.6 * result.loss_history[0]
    assert np.abs(net.parameters()["1.weight"] - before).max() > 0.05


def test_its_config_goes_round(bend: type[Layer]) -> None:
    net = network(bend)
    config = json.loads(json.dumps(net.to_config()))
    assert config["layers"][1] == {"type": "Bend", "dim": 6, "unit": 2.0}
    again = Network.from_config(config)
    x, _ = problem()
    assert again.grid.layers == net.grid.layers
    np.testing.assert_array_equal(again.forward(x), net.forward(x))


def test_blueprint_and_telemetry_show_it(bend: type[Layer]) -> None:
    net, (x, _) = network(bend), problem()
    shown = net.get_blueprint().layers[1]
    assert (shown.type, shown.num_params, shown.output_shape) == ("Bend", 6, (6,))
    assert shown.param_shapes == {"weight": (6,)}
    assert shown.flops == 4 * 6
    net.forward(x)
    stats = net.get_telemetry().layer_stats[1]
    assert stats.weight_norm == pytest.approx(np.linalg.norm(net.parameters()["1.weight"]), rel=1e-5)
    assert stats.activation_max is not None


def test_observers_see_it_forward_and_backward(bend: type[Layer]) -> None:
    seen: list[tuple[str, str]] = []

    class Watcher(Observer):
        def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
            seen.append((stats.layer_type, stats.phase))

        on_layer_backward = on_layer_forward

    net, (x, y) = network(bend), problem()
    net.set_observer(Watcher())
    net.fit(x, y, TrainingConfig(batch_size=64))
    assert ("Bend", "forward") in seen
    assert ("Bend", "backward") in seen


def test_it_is_gradient_checked(bend: type[Layer]) -> None:
    errors = gradient_errors(bend(5, unit=3.0), np.random.default_rng(0).standard_normal((3, 5)))  # type: ignore[call-arg]
    assert set(errors) == {"input", "0.weight"}
    assert max(errors.values()) <= TOLERANCE


def test_its_mistakes_are_named(bend: type[Layer]) -> None:
    with pytest.raises(ValueError, match=r"Bend\.unit: expected a number at least"):
        from_config({"type": "Bend", "dim": 5, "unit": 0})
    with pytest.raises(ShapeError, match=r"layer 1: Bend input: expected a last axis of 5"):
        Network.of(4, [Dense(4, 6), bend(5)]).forward(np.zeros((1, 4)))  # type: ignore[call-arg]
