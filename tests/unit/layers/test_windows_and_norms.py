"""Convolutions, pools and normalisations: bad input in words, and what goldens can't show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import Conv2D, Dense, Flatten, Network, ShapeError, TrainingConfig
from loom_py.layers import BatchNorm, MaxPool2D, Run, from_config

CONV1 = {"type": "Conv1D", "in_channels": 2, "out_channels": 3, "kernel_size": 3}
CONV2 = {"type": "Conv2D", "in_channels": 2, "out_channels": 3, "kernel_size": 3}

BAD_CONFIGS = [
    (CONV1 | {"in_channels": 0}, r"Conv1D\.in_channels: expected a whole number at least 1, got 0"),
    (CONV1 | {"kernel_size": [3, 3]}, r"Conv1D\.kernel_size: expected a whole number, got \(3, 3\)"),
    (CONV1 | {"padding": -1}, r"Conv1D\.padding: expected a whole number at least 0, got -1"),
    (CONV2 | {"kernel_size": 2.5}, r"Conv2D\.kernel_size: expected a whole number or a list of 2, got 2\.5"),
    (CONV2 | {"stride": [1, 0]}, r"Conv2D\.stride: expected .* a list of 2 with a whole number at least 1 at \[1\]"),
    (CONV2 | {"dilation": [1, 1, 1]}, r"Conv2D\.dilation: .*got \(1, 1, 1\)"),
    (CONV2 | {"activation": "rulu"}, r"Conv2D\.activation: expected 'linear' or 'relu'"),
    (CONV2 | {"init": "he"}, r"Conv2D\.init: expected 'auto' or 'he_normal'"),
    (CONV2 | {"groups": 2}, r"Conv2D config: expected keys in_channels, .*got groups"),
    ({"type": "MaxPool1D", "size": 0}, r"MaxPool1D\.size: expected a whole number at least 1, got 0"),
    ({"type": "MaxPool2D", "size": 2, "padding": 2}, r"MaxPool2D\.padding: expected at most half the size 2, got 2"),
    ({"type": "AvgPool1D", "size": 3, "stride": 0}, r"AvgPool1D\.stride: expected .*at least 1.* or None, got 0"),
    ({"type": "AvgPool2D", "size": [2, 3], "padding": [0, 2]}, r"AvgPool2D\.padding: expected at most half"),
    ({"type": "AvgPool2D"}, r"AvgPool2D: .*size"),
    ({"type": "BatchNorm", "dim": 3, "momentum": 2}, r"BatchNorm\.momentum: expected a number 0 to below 1, got 2"),
    ({"type": "BatchNorm", "dim": 3, "eps": 0}, r"BatchNorm\.eps: expected a number at least"),
    ({"type": "RMSNorm", "dim": "3"}, r"RMSNorm\.dim: expected a whole number, got '3'"),
    ({"type": "GroupNorm", "groups": 4, "dim": 6}, r"GroupNorm\.groups: expected a divisor of dim=6, got 4"),
]


@pytest.mark.parametrize(("config", "words"), BAD_CONFIGS)
def test_bad_configs(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_config(config)


BAD_INPUTS = [
    (CONV1, (2, 5, 5), r"Conv1D input: expected samples of 2 axes: channels, length, got 2×5×5"),
    (CONV1, (3, 5), r"Conv1D input: expected 2 channels first \(in_channels\), got 3×5; give in_channels=3"),
    (CONV1, (2, 2), r"Conv1D input: expected at least 3 values with padding 0 on each side, got 2; make the window"),
    (CONV1 | {"dilation": 4}, (2, 8), r"expected at least 9 values"),
    (CONV2, (2, 5), r"Conv2D input: expected samples of 3 axes: channels, height, width, got 2×5"),
    (CONV2 | {"padding": [1, 0]}, (2, 1, 2), r"expected at least 3×3 values with padding 1×0 on each side, got 1×2"),
    ({"type": "MaxPool2D", "size": 4}, (1, 3, 9), r"MaxPool2D input: expected at least 4×4 values"),
    ({"type": "AvgPool1D", "size": 2}, (4,), r"AvgPool1D input: expected samples of 2 axes: channels, length"),
    (
        {"type": "BatchNorm", "dim": 3},
        (4, 3),
        r"BatchNorm input: expected a first axis of 3 \(dim\), got 4×3; give dim",
    ),
    ({"type": "GroupNorm", "groups": 1, "dim": 3}, (4,), r"GroupNorm input: expected a first axis of 3"),
    ({"type": "RMSNorm", "dim": 3}, (3, 4), r"RMSNorm input: expected a last axis of 3 \(dim\), got 3×4"),
]


@pytest.mark.parametrize(("config", "shape", "words"), BAD_INPUTS)
def test_bad_inputs(config: dict[str, Any], shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ShapeError, match=rf"layer 0: .*{words}"):
        Network.of(shape, [from_config(config)]).forward(np.zeros((1, *shape)))


def test_a_pair_may_be_a_list_and_goes_round() -> None:
    layer = Conv2D(2, 3, [3, 1], stride=[1, 2])  # type: ignore[arg-type]
    assert layer == Conv2D(2, 3, (3, 1), stride=(1, 2))
    assert layer.to_config()["kernel_size"] == [3, 1]
    assert from_config(layer.to_config()) == layer
    assert hash(layer) == hash(from_config(layer.to_config()))


def test_a_convolution_of_the_window_s_size_is_a_dense_layer() -> None:
    conv = Network.of((2, 3, 4), [Conv2D(2, 5, (3, 4), activation="tanh"), Flatten()], seed=1)
    dense = Network.of((2, 3, 4), [Flatten(), Dense(24, 5, "tanh")], seed=1)
    parameters = conv.parameters()
    dense.set_parameters({"1.weight": parameters["0.weight"].reshape(5, 24).T, "1.bias": parameters["0.bias"]})
    x = np.random.default_rng(0).standard_normal((7, 2, 3, 4))
    np.testing.assert_allclose(conv.forward(x), dense.forward(x), rtol=1e-5, atol=1e-6)


def test_blueprint_of_a_convolution() -> None:
    blueprint = Network.of((3, 9, 9), [Conv2D(3, 8, 3, stride=2), MaxPool2D(2)]).get_blueprint()
    conv, pool = blueprint.layers
    assert (conv.output_shape, pool.output_shape) == ((8, 4, 4), (8, 2, 2))
    assert conv.num_params == 8 * 3 * 9 + 8
    assert conv.flops >= 2 * 16 * 8 * 27


def test_max_pool_passes_nan_on_and_keeps_minus_infinity() -> None:
    layer = MaxPool2D(2, padding=1)
    x = np.full((1, 1, 3, 3), -np.inf)
    x[0, 0, 2, 2] = np.nan
    run = Run({}, True, np.zeros((), np.uint32))
    y, cache = run.forward("0", layer, x)
    np.testing.assert_array_equal(y, [[[[-np.inf, -np.inf], [-np.inf, np.nan]]]])
    dx = run.backward("0", layer, cache, np.ones_like(y))
    assert dx.sum() == 4  # every window's gradient arrives at a value, none at padding


def batch_norm(**options: Any) -> tuple[Network, Any]:
    x = np.random.default_rng(2).normal(5, 3, (16, 3, 4)).astype(np.float32)
    return Network.of((3, 4), [BatchNorm(3, **options)], seed=0), x


def test_batch_norm_trains_on_the_batch_and_is_evaluated_by_what_it_remembers() -> None:
    net, x = batch_norm(momentum=0.5)
    trained = net.forward_cpu(x, training=True).output
    np.testing.assert_allclose(trained.mean(axis=(0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(trained.std(axis=(0, 2)), 1, atol=1e-3)
    kept = net.parameters()
    np.testing.assert_allclose(kept["0.running_mean"], 0.5 * x.mean(axis=(0, 2)), rtol=1e-5)
    np.testing.assert_allclose(kept["0.running_var"], 0.5 + 0.5 * x.var(axis=(0, 2), ddof=1), rtol=1e-5)
    for _ in range(60):
        net.forward_cpu(x, training=True)
    np.testing.assert_allclose(net.forward(x), trained, rtol=0.03, atol=0.03)  # n/(n-1) is between them
    again = net.parameters()
    net.forward(x)
    np.testing.assert_array_equal(net.parameters()["0.running_mean"], again["0.running_mean"])


def test_batch_norm_s_buffers_are_no_parameters_to_train() -> None:
    net, x = batch_norm()
    assert net.get_blueprint().total_params == 6
    net.forward_cpu(x, training=True)
    net.backward_cpu(np.ones_like(x))
    assert set(net.gradients()) == {"0.weight", "0.bias"}


def test_batch_norm_keeps_its_buffers_finite() -> None:
    net, x = batch_norm()
    net.forward_cpu(np.where(x > 5, np.float32(3e38), x), training=True)
    assert all(np.isfinite(value).all() for value in net.parameters().values())


def test_batch_norm_takes_the_running_statistics_for_a_single_value() -> None:
    net = Network.of(3, [Dense(3, 4), BatchNorm(4), Dense(4, 2)], seed=0)
    x, y = np.random.default_rng(0).standard_normal((5, 3)), np.array([0, 1, 0, 1, 0])
    before = net.parameters()
    np.testing.assert_array_equal(net.forward_cpu(x[:1], training=True).output, net.forward(x[:1]))
    np.testing.assert_array_equal(net.parameters()["1.running_var"], before["1.running_var"])
    result = net.fit(x, y, TrainingConfig(batch_size=4, epochs=40, learning_rate=0.3))  # the last batch is one sample
    assert result.final_loss < 0.5 * result.loss_history[0]
    assert not np.array_equal(net.parameters()["1.running_var"], before["1.running_var"])
