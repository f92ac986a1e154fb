"""Class weights, ignored labels, smoothing and micro-batches in any mix: parts equal the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import loom_py as nn
from loom_py.executors.base import Executor
from loom_py.shapes import AnyArray
from tests.ops import suite

RNG = np.random.default_rng(3)
X = RNG.standard_normal((12, 4)).astype(np.float32)
Y = np.array([0, 2, 1, 1, 2, 0, 2, 2, 1, 0, 0, 1])
IGNORED = -7
RATE = 0.5
WEIGHTS = (1.0, 2.0, 0.0)


def labels(ignored: bool) -> AnyArray:
    """Runs of four that count for nothing."""
    return np.where(np.arange(12) // 4 == 1, IGNORED, Y) if ignored else Y


def expected(net: nn.Network, y: AnyArray, weights: Any, smoothing: float) -> tuple[float, AnyArray]:
    """Loss, and weights after a step of gradient descent, by the plain formula in float64."""
    w, b = (net.parameters()[name].astype(np.float64) for name in ("0.weight", "0.bias"))
    z = X.astype(np.float64) @ w + b
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    counted, each = y != IGNORED, np.ones(3) if weights is None else np.array(weights)
    target = np.eye(3)[np.where(counted, y, 0)] * counted[:, None]
    total = (target * each).sum() or 1.0
    rows = (target * (1 - smoothing) + counted[:, None] * smoothing / 3) * each
    dz = (np.exp(log_p) * rows.sum(axis=1, keepdims=True) - rows) / total
    return -(rows * log_p).sum() / total, w - RATE * X.T @ dz


@pytest.mark.parametrize("executor", sorted(set(suite.EXECUTORS) - {"webgpu (native), subgroups"}))
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_parts_equal_the_whole(weights: Any, ignored: bool, smoothing: float, executor: str) -> None:
    y, machine = labels(ignored), suite.EXECUTORS[executor][0]
    loss = nn.CrossEntropy(class_weights=weights, ignore_label=IGNORED if ignored else None, label_smoothing=smoothing)
    for parts in (None, 1, 4, 5):
        net = network(machine)
        value, moved = expected(net, y, weights, smoothing)
        told = net.fit(X, y, nn.TrainingConfig(
            loss=loss, optimizer="sgd", learning_rate=RATE, batch_size=12, micro_batch_size=parts, shuffle=False
        ))  # fmt: skip
        assert told.stopped_because == "finished"
        assert told.final_loss == pytest.approx(value, rel=1e-5)
        np.testing.assert_allclose(net.parameters()["0.weight"], moved, rtol=1e-4, atol=1e-6)


def network(machine: Executor) -> nn.Network:
    net = nn.Network.of(4, [nn.Dense(4, 3)], seed=1)
    net.use_executor(machine)
    return net


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("parts", [None, 4])
def test_evaluation_by_batches_equals_the_whole(weights: Any, parts: int | None) -> None:
    net, loss = network(suite.EXECUTORS["numpy"][0]), nn.CrossEntropy(class_weights=weights, ignore_label=IGNORED)
    y = labels(True)
    score = net.evaluate(X, y, nn.TrainingConfig(loss=loss, batch_size=parts or 12))
    assert score.loss == pytest.approx(expected(net, y, weights, 0.0)[0], rel=1e-5)


@pytest.mark.parametrize("executor", sorted(set(suite.EXECUTORS) - {"webgpu (native), subgroups"}))
@pytest.mark.parametrize("options", [{"ignore_label": 1}, {"class_weights": (1.0, 0.0, 1.0)}])
def test_a_batch_that_weighs_nothing_changes_nothing(options: Any, executor: str) -> None:
    """Neither weights (by momentum or decay) nor the optimizer's state, its count and BatchNorm's statistics."""
    loss = nn.CrossEntropy(**options)
    how = nn.TrainingConfig(loss=loss, optimizer=nn.AdamW(), batch_size=6, learning_rate=0.1)
    nets = [nn.Network.of(4, [nn.Dense(4, 5), nn.BatchNorm(5), nn.Dense(5, 3)], seed=1) for _ in range(2)]
    for net in nets:
        net.use_executor(suite.EXECUTORS[executor][0])
        net.fit(X, np.where(Y == 1, 0, Y), how)
    before = nets[0].parameters()
    told = nets[0].fit(X, np.ones(12, int), how)
    assert (told.stopped_because, told.steps, told.loss_history) == ("finished", 2, [0.0])
    for name, value in nets[0].parameters().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    for net in nets:  # as if it had not been
        net.train([nn.Batch(X, np.where(Y == 1, 0, Y))], how)
    for name, value in nets[0].parameters().items():
        np.testing.assert_array_equal(value, nets[1].parameters()[name], err_msg=name)


@pytest.mark.parametrize(
    ("label", "kind"),
    [(-100, np.int64), (2**32 - 1, np.uint32), (2**32, np.int64), (-(2**40), np.int64), (2**63, np.uint64)],
)
def test_labels_are_compared_before_they_are_narrowed(label: int, kind: Any) -> None:
    net, hidden = network(suite.EXECUTORS["numpy"][0]), np.arange(12) % 2 == 0
    y = Y.astype(kind)
    y[hidden] = label
    how = nn.TrainingConfig(loss=nn.CrossEntropy(ignore_label=label))
    got, wanted = net.evaluate(X, y, how), net.evaluate(X[~hidden], Y[~hidden], how)
    assert got.accuracy == wanted.accuracy
    assert got.loss == pytest.approx(wanted.loss, rel=1e-6)
    with pytest.raises(nn.DataError, match="expected 0 to 2"):
        net.evaluate(X, y, nn.TrainingConfig(loss=nn.CrossEntropy(ignore_label=-5)))


@pytest.mark.parametrize(
    "weights",
    [
        (-1.0, 2.0, 1.0),
        (1.0, np.nan, 1.0),
        (1.0, np.inf, 1.0),
        (0.0, 0.0, 0.0),
        (),
        (1e-45, 0.0, 1.0),
        (1e38, 1.0, 1.0),
    ],
)
def test_class_weights_out_of_range_are_refused(weights: Any) -> None:
    with pytest.raises(nn.ConfigError, match="class_weights"):
        nn.CrossEntropy(class_weights=weights)


def test_class_weights_fit_the_outputs_and_may_be_an_array() -> None:
    net = network(suite.EXECUTORS["numpy"][0])
    with pytest.raises(nn.ConfigError, match="expected 3 weights, one a class"):
        net.fit(X, Y, nn.TrainingConfig(loss=nn.CrossEntropy(class_weights=(1.0, 2.0))))
    for given in (np.array([1, 2, 0]), np.float32([1, 2, 0]), [np.float64(1), 2, 0]):
        assert nn.CrossEntropy(class_weights=given).class_weights == WEIGHTS  # type: ignore[arg-type]


def test_what_a_masked_array_hides_is_refused() -> None:
    net, hidden = network(suite.EXECUTORS["numpy"][0]), np.zeros((12, 4), bool)
    hidden[3, 1] = True
    for call in (
        lambda: net.forward(np.ma.masked_array(X, hidden)),
        lambda: net.fit(np.ma.masked_array(X, hidden), Y),
        lambda: net.fit(X, np.ma.masked_array(Y, hidden[:, 1])),
        lambda: net.evaluate(X, np.ma.masked_array(Y, hidden[:, 1])),
    ):
        with pytest.raises(nn.DataError, match="a masked array with 1 hidden"):
            call()
    np.testing.assert_array_equal(net.forward(np.ma.masked_array(X, np.zeros((12, 4), bool))), net.forward(X))
