"""Tails: functions are right to float32 where they are small, and norms say when their variance is beyond float32."""

from __future__ import annotations

import math

import numpy as np
import pytest

import loom_py as nn
from loom_py.executors.base import Executor
from loom_py.executors.numpy import NumpyExecutor
from loom_py.shapes import AnyArray
from tests.ops import machines

GPU = machines.webgpu()
EXECUTORS = [NumpyExecutor(), machines.wasm()[1], *([GPU[1]] if GPU else [])]
ON_EACH = pytest.mark.parametrize("executor", EXECUTORS, ids=[executor.name for executor in EXECUTORS])
SIZES = np.float32(np.logspace(-6, np.log10(86), 200))
X: AnyArray = np.concatenate([-SIZES[::-1], SIZES])


def exact(name: str, x: AnyArray) -> AnyArray:
    v = x.astype(np.float64)
    sigmoid = 1 / (1 + np.exp(-v))
    values = {
        "sigmoid": sigmoid, "silu": v * sigmoid, "tanh": np.tanh(v), "softplus": np.logaddexp(0, v),
        "elu": np.where(v > 0, v, np.expm1(v)),
    }  # fmt: skip
    return values[name]


@ON_EACH
@pytest.mark.parametrize("name", ["sigmoid", "silu", "tanh", "softplus", "elu"])
def test_functions_are_right_in_their_tails(executor: Executor, name: nn.ActivationName) -> None:
    net = nn.Network.of(X.size, [nn.Activation(name)])
    net.use_executor(executor)
    np.testing.assert_allclose(net.forward(X), exact(name, X), rtol=1e-6)


@ON_EACH
def test_gelu_is_right_in_its_tail(executor: Executor) -> None:
    x = X[np.abs(X) < 12]
    wanted = np.array([v * math.erfc(-v / math.sqrt(2)) / 2 for v in x.astype(np.float64)])
    net = nn.Network.of(x.size, [nn.Activation("gelu")])
    net.use_executor(executor)
    np.testing.assert_allclose(net.forward(x), wanted, rtol=2e-5)
    np.testing.assert_array_equal(net.forward(np.full(x.size, -3e38)), 0)


@ON_EACH
@pytest.mark.parametrize("layer", [nn.LayerNorm(8), nn.RMSNorm(8), nn.GroupNorm(2, 8), nn.BatchNorm(8)], ids=repr)
def test_norms_do_not_answer_0_where_their_variance_is_beyond_float32(executor: Executor, layer: nn.Layer) -> None:
    net = nn.Network.of(8, [layer], seed=1)
    net.use_executor(executor)
    x = np.random.default_rng(3).standard_normal((6, 8)) * 1e25
    assert np.isnan(net.forward_cpu(x, training=True).output).all()
    fine = net.forward_cpu(x / 1e10, training=True).output
    assert np.isfinite(fine).all() and np.abs(fine).max() > 0.5
