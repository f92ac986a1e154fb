"""Layers over axes and layers that reorder values: padding, axes that can't be, units, kinds of outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import loom_py as loom
from loom_py.executors.base import Executor
from loom_py.executors.numpy import NumpyExecutor
from tests.ops import machines
from tests.unit.layers.gradients import TOLERANCE, gradient_errors

GAPS = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0]], float)
EXECUTORS: dict[str, Executor] = {"numpy": NumpyExecutor(), "wasm": machines.wasm()[1]}
if _gpu := machines.webgpu():
    EXECUTORS["webgpu"] = _gpu[1]
OVER_TIME = {
    "Mean": (loom.Mean(), lambda shown: shown.mean(0)),
    "Mean over time and channels": (loom.Mean([1, 2], keepdims=True), lambda shown: shown.mean(keepdims=True)),
    "Max": (loom.Max(), lambda shown: shown.max(0)),
    "Max over time and channels": (loom.Max([1, -1], keepdims=True), lambda shown: shown.max(keepdims=True)),
    "Take first": (loom.Take(0), lambda shown: shown[0]),
    "Take last": (loom.Take(-1), lambda shown: shown[-1]),
}


def values(*shape: int) -> Any:
    return np.random.default_rng(3).standard_normal(shape)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", OVER_TIME)
def test_padding_takes_no_part(name: str, executor: str) -> None:
    layer, plain = OVER_TIME[name]
    net, x = loom.Network.of((5, 3), [layer], seed=0), values(3, 5, 3)
    net.use_executor(EXECUTORS[executor])
    out = net.forward(np.where(GAPS[..., None] > 0, x, 1e6), mask=GAPS)
    for sample, shown, got in zip(x, GAPS > 0, out, strict=True):
        wanted = plain(sample[shown]) if shown.any() else np.zeros(got.shape)
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", OVER_TIME)
def test_gradients_pass_over_padding(name: str) -> None:
    assert max(gradient_errors(OVER_TIME[name][0], values(3, 5, 3), mask=GAPS).values()) <= TOLERANCE


def test_reshape_makes_padding_zero_where_entries_merge() -> None:
    x = values(3, 5, 4)
    net = loom.Network.of((5, 4), [loom.Reshape([10, 2])], seed=0)
    wanted = np.where(GAPS[..., None] > 0, x, 0).reshape(3, 10, 2).astype(np.float32)
    np.testing.assert_array_equal(net.forward(x, mask=GAPS), wanted)
    assert max(gradient_errors(loom.Reshape([10, 2]), x, mask=GAPS).values()) <= TOLERANCE
    apart = loom.Network.of((5, 4), [loom.Reshape([5, 2, 2]), loom.Mean()], seed=0)
    np.testing.assert_allclose(apart.forward(x, mask=GAPS)[0], x[0, GAPS[0] > 0].mean(0).reshape(2, 2), atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([loom.Permute([2, 1]), loom.Mean()], "Permute at layer 0"),
        ([loom.Take(2), loom.Dense(4, 2)], "Take at layer 0"),
        ([loom.Mean(2), loom.Dense(5, 2)], "Mean at layer 0"),
        ([loom.Take(0, 2), loom.Dense(5, 2)], "Take at layer 0"),
        ([loom.Flatten(), loom.Reshape([5, 4]), loom.Mean()], "Reshape at layer 1"),
    ],
)
def test_a_mask_is_refused_where_entries_would_be_lost(layers: list[loom.Layer], named: str) -> None:
    net = loom.Network.of((5, 4), layers, seed=0)
    assert np.isfinite(net.forward(values(3, 5, 4))).all()
    with pytest.raises(loom.DataError, match=f"mask: expected .*, got .*{named}.*; give"):
        net.forward(values(3, 5, 4), mask=GAPS)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: loom.Mean(0), r"Mean\.axes: expected .*axis 0 is the batch, got 0"),
        (lambda: loom.Max([1, 1]), r"Max\.axes"),
        (lambda: loom.Take(0, 0), r"Take\.axis"),
        (lambda: loom.Permute([0, 1]), r"Permute\.axes"),
        (lambda: loom.Reshape([-1, -1]), r"Reshape\.shape"),
        (lambda: loom.Reshape([0, 3]), r"Reshape\.shape"),
    ],
)
def test_what_no_input_fits_is_refused_at_once(layer: Any, message: str) -> None:
    with pytest.raises(loom.ConfigError, match=message):
        layer()


@pytest.mark.parametrize(
    "layer", [loom.Mean(3), loom.Max([2, -1]), loom.Take(5), loom.Take(-6), loom.Permute([1]), loom.Reshape([7, -1])]
)
def test_an_input_without_the_axis_is_refused(layer: loom.Layer) -> None:
    with pytest.raises(loom.ShapeError, match=f"layer 0: {type(layer).__name__} input: expected .*, got "):
        loom.Network.of((5, 4), [layer], seed=0).forward(values(2, 5, 4))


def test_units_move_with_their_axis() -> None:
    conv = loom.Conv2D(1, 3, 2)
    layers = [conv, loom.Permute([2, 3, 1]), loom.Mean([1, 2]), loom.Reshape([3, 1]), loom.Permute([2, 1])]
    blueprint = loom.Network.of((1, 5, 5), layers, seed=0).get_blueprint()
    axes = [layer.unit_axis % (len(layer.output_shape) + 1) for layer in blueprint.layers]
    assert axes == [1, 3, 1, 2, 1]


def test_a_mean_of_distributions_over_time_is_one() -> None:
    x, labels = values(6, 5, 3), np.array([0, 1, 2, 0, 1, 2])
    for pooled in (loom.Mean(), loom.Take(-1)):
        net = loom.Network.of((5, 3), [loom.Softmax(), pooled], seed=0)
        wanted = -np.log(net.forward(x)[np.arange(6), labels]).mean()
        assert net.evaluate(x, labels, loom.TrainingConfig(loss="cross_entropy")).loss == pytest.approx(
            wanted, rel=1e-5
        )
