"""A loss takes outputs for what the layers give: logits, a distribution over classes, probabilities by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import loom_py as nn
from loom_py.shapes import AnyArray
from tests.ops import suite

RNG = np.random.default_rng(5)
X = RNG.standard_normal((20, 4)).astype(np.float32)
SIGMOID, SOFTMAX = nn.Activation("sigmoid"), nn.Softmax()
EXECUTORS = sorted(set(suite.EXECUTORS) - {"webgpu (native), subgroups"})


def branch(last: nn.Layer) -> nn.Layer:
    return nn.Sequential([nn.Dense(4, 3), last])


FORMS: dict[str, tuple[list[nn.Layer], str]] = {
    "Dense": ([nn.Dense(4, 3)], "values"),
    "Dense relu": ([nn.Dense(4, 3, "relu")], "values"),
    "Dense sigmoid": ([nn.Dense(4, 3, "sigmoid")], "independent"),
    "Activation": ([nn.Dense(4, 3), SIGMOID], "independent"),
    "sigmoid in Sequential": ([branch(SIGMOID)], "independent"),
    "sigmoid, Identity, Dropout, Flatten": (
        [nn.Dense(4, 3), SIGMOID, nn.Identity(), nn.Dropout(0.0), nn.Flatten()],
        "independent",
    ),
    "Softmax": ([nn.Dense(4, 3), SOFTMAX], "probabilities"),
    "entmax": ([nn.Dense(4, 3), nn.Softmax(variant="entmax15")], "probabilities"),
    "Softmax in Sequential, Dropout": ([branch(SOFTMAX), nn.Dropout(0.0)], "probabilities"),
    "Softmax, Flatten": ([nn.Dense(4, 3), SOFTMAX, nn.Flatten()], "probabilities"),
    "mean of Softmax": ([nn.Parallel([branch(SOFTMAX), branch(SOFTMAX)], "mean")], "probabilities"),
    "mixture of Softmax": (
        [nn.Parallel([branch(SOFTMAX), branch(SOFTMAX)], "gated", gate_inputs=4)],
        "probabilities",
    ),
    "mean of both": ([nn.Parallel([branch(SOFTMAX), branch(SIGMOID)], "mean")], "independent"),
    "mixture of sigmoids": (
        [nn.Parallel([branch(SIGMOID), branch(SIGMOID)], "gated", gate_inputs=4)],
        "independent",
    ),
    "sigmoids side by side": ([nn.Parallel([branch(SIGMOID), branch(SIGMOID)], "concat")], "independent"),
    "sum of Softmax": ([nn.Parallel([branch(SOFTMAX), branch(SOFTMAX)], "add")], "values"),
    "mean with logits": ([nn.Parallel([branch(SOFTMAX), nn.Dense(4, 3)], "mean")], "values"),
    "Residual": ([nn.Dense(4, 3), nn.Residual([nn.Dense(3, 3), SOFTMAX])], "values"),
    "Softmax, then Dense": ([nn.Dense(4, 3), SOFTMAX, nn.Dense(3, 3)], "values"),
}


def given(shape: int | tuple[int, ...], layers: list[nn.Layer]) -> str:
    net = nn.Network.of(shape, layers)
    return net.build().compiler.gives((1, *net.input_shape)).kind


@pytest.mark.parametrize("name", FORMS)
def test_what_layers_give(name: str) -> None:
    layers, kind = FORMS[name]
    assert given(4, layers) == kind
    assert given(4, [nn.Sequential(layers)]) == kind
    assert given(4, [nn.Parallel([nn.Sequential(layers)], "mean")]) == kind


def test_pools_of_probabilities_are_probabilities_but_no_distribution() -> None:
    assert given((2, 6), [nn.Activation("sigmoid"), nn.MaxPool1D(2)]) == "independent"
    assert given((2, 6), [nn.Softmax(), nn.AvgPool1D(2)]) == "independent"
    assert given((2, 6), [nn.Dense(6, 6), nn.AvgPool1D(2)]) == "values"


def test_what_passes_on_an_input_passes_on_its_kind() -> None:
    same = nn.Parallel([nn.Identity(), nn.Identity()], "mean")
    assert given(4, [SIGMOID, same]) == "independent"
    assert given(4, [SOFTMAX, same]) == "probabilities"
    assert given(4, [SOFTMAX, nn.Parallel([nn.Identity(), nn.Identity()], "concat")]) == "independent"
    assert given((3, 4), [SOFTMAX, nn.Flatten()]) == "independent"
    assert given((3, 4), [SOFTMAX, nn.Parallel([nn.Sequential([nn.Flatten()])], "mean")]) == "independent"


def test_dropout_after_probabilities_is_refused_by_losses_about_them() -> None:
    x, labels = np.zeros((8, 4)), np.zeros(8, int)
    for last, loss, target in ((SOFTMAX, "cross_entropy", labels), (SIGMOID, "binary_cross_entropy", np.zeros((8, 3)))):
        layers = [nn.Dense(4, 3), last, nn.Dropout(0.3)]
        assert given(4, layers) == "dropped"
        with pytest.raises(nn.ConfigError, match=f"{loss}.*put the Dropout before"):
            nn.Network.of(4, layers, seed=0).fit(x, target, loss=loss, epochs=1)
        net = nn.Network.of(4, layers, seed=0)
        net.fit(x, np.zeros((8, 3)), loss="mse", epochs=1)
        undropped = nn.Network.of(4, layers[:2], seed=0)
        undropped.set_parameters(net.parameters())
        assert net.evaluate(x, target, loss=loss).loss == undropped.evaluate(x, target, loss=loss).loss


def class_loss(outputs: AnyArray, labels: AnyArray, kind: str) -> float:
    z = outputs.astype(np.float64)
    p = z if kind == "probabilities" else np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(len(p)), labels]).mean())


def binary_loss(outputs: AnyArray, target: AnyArray, kind: str) -> float:
    z = outputs.astype(np.float64)
    p = 1 / (1 + np.exp(-z)) if kind == "values" else z
    return float(-(target * np.log(p) + (1 - target) * np.log(1 - p)).mean())


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", ["Dense", "Dense sigmoid", "Softmax in Sequential, Dropout", "mixture of Softmax"])
def test_losses_are_those_of_the_outputs(name: str, executor: str) -> None:
    """The loss, the accuracy and a step along the gradient, by difference quotients of the plain formula."""
    layers, kind = FORMS[name]
    labels, yes = RNG.integers(0, 3, 20), RNG.integers(0, 2, (20, 3)).astype(np.float32)
    cases: Sequence[tuple[str, AnyArray, Any]] = (
        ("cross_entropy", labels, class_loss),
        ("binary_cross_entropy", yes, binary_loss),
    )
    for loss, target, formula in cases:
        net = nn.Network.of(4, layers, seed=2)
        net.use_executor(suite.EXECUTORS[executor][0])
        out = net.forward(X)
        score = net.evaluate(X, target, nn.TrainingConfig(loss=loss))
        assert score.loss == pytest.approx(formula(out, target, kind), rel=1e-5)
        right = out.argmax(axis=1) == labels if loss == "cross_entropy" else (out > (kind != "values") / 2) == yes
        assert score.accuracy == pytest.approx(float(right.mean()))
        before = net.parameters()
        told = net.fit(X, target, loss=loss, optimizer="sgd", learning_rate=1.0, batch_size=20)
        assert told.accuracy_history == [score.accuracy]
        moved = {n: before[n] - a for n, a in net.parameters().items()}
        slope = sum(float((d.astype(np.float64) ** 2).sum()) for d in moved.values())
        net.set_parameters({n: a - 1e-3 * moved[n] for n, a in before.items()})
        fallen = score.loss - formula(net.forward(X), target, kind)
        assert fallen == pytest.approx(1e-3 * slope, rel=0.05)


def test_a_class_loss_needs_two_outputs() -> None:
    net = nn.Network.of(4, [nn.Dense(4, 1)])
    for target in (np.zeros((20, 1)), np.zeros(20, int)):
        for call in (net.fit, net.evaluate):
            with pytest.raises(nn.ConfigError, match="at least 2 outputs"):
                call(X, target)
    with pytest.raises(nn.ConfigError, match="at least 2 outputs"):
        nn.cross_entropy_loss_grad([[0.3]], [0])


@pytest.mark.parametrize("target", [[-1.0, 1.0], [0.0, 255.0], [0.0, 1.5], [-0.1, 0.5]])
def test_binary_targets_are_probabilities(target: list[float]) -> None:
    net = nn.Network.of(4, [nn.Dense(4, 1)])
    y, how = np.resize(target, (20, 1)), nn.TrainingConfig(loss="binary_cross_entropy")
    before = net.parameters()
    for call in (
        lambda: net.fit(X, y, how),
        lambda: net.train([nn.Batch(X, y)], how),
        lambda: net.evaluate(X, y, how),
        lambda: net.fit(X, np.zeros((20, 1)), loss="binary_cross_entropy", validation=(X, y)),
        lambda: nn.binary_cross_entropy_loss_grad(np.zeros((20, 1)), y, from_logits=True),
    ):
        with pytest.raises(nn.DataError, match="expected numbers from 0 to 1"):
            call()
    for name, value in net.parameters().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("row", [[-1.0, 1.0, 1.0], [0.0, 5.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.4, 0.0]])
def test_class_shares_sum_to_one(row: list[float]) -> None:
    net, y = nn.Network.of(4, [nn.Dense(4, 3)]), np.tile([0.2, 0.3, 0.5], (20, 1))
    net.fit(X, y)
    y[7] = row
    for call in (lambda: net.fit(X, y), lambda: net.evaluate(X, y), lambda: nn.cross_entropy_loss_grad(X[:, :3], y)):
        with pytest.raises(nn.DataError, match="class shares: expected 0 or more, of sum 1"):
            call()


def test_helpers_guess_alike_and_can_be_told() -> None:
    assert nn.binary_cross_entropy_loss_grad([[2.0]], [[1.0]]).loss == pytest.approx(np.log1p(np.exp(-2)))
    assert nn.binary_cross_entropy_loss_grad([[0.3]], [[1.0]]).loss == pytest.approx(-np.log(0.3))
    told = nn.binary_cross_entropy_loss_grad([[0.3]], [[1.0]], from_logits=True)
    assert told.loss == pytest.approx(np.log1p(np.exp(-0.3)))
    with pytest.raises(nn.DataError, match="probabilities from 0 to 1"):
        nn.binary_cross_entropy_loss_grad([[2.0]], [[1.0]], from_logits=False)


def test_soft_and_one_binary_answers_have_an_accuracy() -> None:
    net = nn.Network.of(4, [nn.Dense(4, 1)], seed=0)
    y = (X[:, :1] > 0).astype(np.float32)
    told = net.fit(X, y * 0.8 + 0.1, loss="binary_cross_entropy", optimizer="adam", learning_rate=0.1, epochs=60)
    assert told.accuracy_history[-1] == 1.0
    assert ((net.forward(X) > 0) == y).all()
