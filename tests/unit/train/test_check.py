"""check: planted faults are found before the first step, usual set-ups have none, and nothing changes."""

import numpy as np
import pytest

import loom_py
from loom_py import check
from loom_py.diagnose import DiagnosticObserver
from loom_py.errors import ConfigError, DataError
from loom_py.layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LayerNorm,
    Parallel,
    Sequential,
    Softmax,
)
from loom_py.model import Network
from loom_py.schedules import Linear
from loom_py.session.package import open_session
from loom_py.train import rehearsal
from loom_py.train.config import TrainingConfig

RANDOM = np.random.default_rng(0)
N = 400
X = RANDOM.normal(size=(N, 6)).astype(np.float32)
SCORES = X @ RANDOM.normal(size=(6, 3)).astype(np.float32)
LABELS = SCORES.argmax(axis=1)
VALUES = SCORES[:, :1]
YES = (VALUES > 0).astype(np.float32)


def net(outputs=3, activation="linear", *, inputs=6, first=()):
    return Network.of(inputs, [*first, Dense(inputs, 16, "leaky_relu"), Dense(16, outputs, activation)], seed=0)


def find(network, x=X, y=LABELS, *, range_test=False, **options):
    config = TrainingConfig(**{"learning_rate": 0.1, "epochs": 5} | options)
    return check(network, x, y, config, range_test=range_test)


def only(found, rule, severity):
    assert [(f.rule, f.severity) for f in found] == [(rule, severity)], [str(f) for f in found]
    assert found[0].evidence
    assert found[0].suggestions
    return found[0]


def changed(feature, values):
    x = X.copy()
    x[:, feature] = values
    return x


def one_hot(labels, classes):
    return np.eye(classes, dtype=np.float32)[labels]


def test_usual_runs_have_no_findings():
    ids = RANDOM.integers(0, 20, (N, 5))
    bits = one_hot(RANDOM.integers(0, 40, N), 40)
    healthy = [
        find(net(), range_test=True),
        find(net(), X[:300], LABELS[:300], validation=(X[300:], LABELS[300:])),
        find(net(), y=one_hot(LABELS, 3)),
        find(net(1), y=VALUES, loss="mse", learning_rate=0.01, range_test=True),
        find(net(1), y=YES, loss="binary_cross_entropy"),
        find(net(inputs=40), bits, bits.argmax(axis=1) % 3),
        find(Network.of(5, [Embedding(20, 4), Flatten(), Dense(20, 2)], seed=0), ids, ids[:, 0] % 2, range_test=True),
        find(Network.of(6, [Dense(6, 16), BatchNorm(16), Activation("relu"), Dense(16, 3)], seed=0)),
        find(net(), schedule=Linear(50, start=0.0, end=1.0), range_test=True),
        find(net(first=[LayerNorm(6)]), X * 1000),
        find(Network.of(6, [Dense(6, 8, "relu"), Dense(8, 6, "sigmoid")], seed=0), X, np.tanh(X) / 2 + 0.5, loss="mse"),
    ]
    assert [[str(f) for f in found] for found in healthy] == [[]] * len(healthy)


def test_features_that_tell_nothing():
    found = only(find(net(), changed(2, 7)), "constant_inputs", "info")
    assert (found.evidence["constant"], found.evidence["which"]) == (1, "2")
    assert only(find(net(), np.zeros_like(X)), "constant_inputs", "error").evidence["features"] == 6
    copied = only(find(net(), changed(4, X[:, 1])), "duplicate_inputs", "info")
    assert copied.evidence == {"copies": 1, "which": "4 = 1"}


def test_scales_of_the_inputs_with_the_factor():
    found, consequence = find(net(), changed(3, X[:, 3] * 1e4))
    assert (found.rule, consequence.rule) == ("unscaled_inputs", "initial_loss")
    assert found.evidence["factor"] == pytest.approx(1e4, rel=0.2)
    assert found.evidence["largest_feature"] == 3
    assert find(net(), X * 100)[0].rule == "unscaled_inputs"
    rare = changed(0, np.arange(N) == 5)  # one yes among noes is not a small feature
    assert find(net(), rare) == []


def test_classes_that_are_missing_or_rare():
    found = only(find(net(5)), "missing_class", "warning")
    assert (found.evidence["missing"], found.evidence["which"]) == (2, "3, 4")
    assert only(find(net(), y=LABELS * 0), "missing_class", "error").evidence["only_class"] == 0
    some = LABELS < 2
    held_out = (X[:20] + 1, np.full(20, 2))
    unseen = only(find(net(), X[some], LABELS[some], validation=held_out), "missing_class", "warning")
    assert unseen.evidence["in_validation"] == 1
    rare = (np.arange(N) % 100 == 0).astype(np.int64)
    for network, y, loss in ((net(2), rare, "cross_entropy"), (net(1), rare[:, None], "binary_cross_entropy")):
        imbalance = only(find(network, y=y, loss=loss), "class_imbalance", "warning")
        assert imbalance.evidence["majority"] == 0.99
        assert imbalance.evidence["baseline_loss"] == pytest.approx(0.056, abs=1e-3)
    ignoring = {"type": "CrossEntropy", "ignore_label": 0}
    assert only(find(net(), y=LABELS * 0, loss=ignoring), "missing_class", "error").evidence["missing"] == 3
    weighted = {"type": "CrossEntropy", "class_weights": (1.0, 99.0)}
    assert find(net(2), y=rare, loss=weighted) == []


def test_equal_inputs_with_different_targets():
    x, y = X.copy(), np.arange(N) % 3
    x[:20] = x[20:40]
    y[:20] = (y[20:40] + 1) % 3
    found = only(find(net(), x, y), "conflicting_targets", "warning")
    assert found.evidence["samples"] == 40
    assert found.evidence["best_accuracy"] == pytest.approx(1 - 20 / N)
    y[:20] = y[20:40]
    assert find(net(), x, y) == []
    few = (X[:, :2] > 0).astype(np.float32)
    assert only(find(net(inputs=2), few, y), "conflicting_targets", "info").evidence["distinct_inputs"] == 4


def test_samples_in_training_and_validation():
    found = only(find(net(), validation=(X[:30], LABELS[:30])), "shared_samples", "warning")
    assert (found.evidence["shared"], found.evidence["share"]) == (30, 1.0)
    held_out = np.concatenate([X[:1], X[1:40] + 1])
    assert only(find(net(), validation=(held_out, LABELS[:40])), "shared_samples", "info").evidence["shared"] == 1


def test_wide_rows_are_compared_in_whole():
    x = RANDOM.normal(size=(N, 600)).astype(np.float32)
    held_out = x[:40].copy()
    held_out[:20, 1] += 1  # in a column that is not hashed
    network = Network.of(600, [Dense(600, 3)], seed=0)
    found = only(find(network, x, validation=(held_out, LABELS[:40])), "shared_samples", "warning")
    assert found.evidence["shared"] == 20


def test_targets_that_the_outputs_can_not_reach():
    found = only(find(net(1, "relu"), y=VALUES + 2, loss="mse"), "target_range", "warning")
    assert found.evidence["share"] == pytest.approx((VALUES < -2).mean())
    assert only(find(net(1, "tanh"), y=VALUES + 20, loss="mae"), "target_range", "error").evidence["high"] == 1
    nested = Network.of(6, [Sequential([Dense(6, 1, "sigmoid"), Identity()])], seed=0)
    assert only(find(nested, y=YES * 2 - 1, loss="huber"), "target_range", "error").evidence["smallest"] == -1
    mixed = Network.of(6, [Parallel([Dense(6, 1, "tanh"), Dense(6, 1, "sigmoid")], "add")], seed=0)
    found = only(find(mixed, y=YES * 2 - 3, loss="mse"), "target_range", "error")
    assert (found.evidence["low"], found.evidence["high"], found.evidence["outside"]) == (-1, 2, (YES == 0).sum())
    huge = find(net(1), y=VALUES * 1e5, loss="mse")
    assert ("target_scale", "warning") in [(f.rule, f.severity) for f in huge]
    assert only(find(net(1), y=VALUES * 0 + 3, loss="mse"), "target_scale", "error").evidence["spread"] == 0


def test_losses_that_do_not_suit_the_last_layer():
    found = only(find(net(3, "tanh")), "loss_mismatch", "warning")
    assert found.evidence["lowest_loss"] == pytest.approx(np.log1p(2 * np.exp(-2)))
    assert only(find(net(3, "relu")), "loss_mismatch", "warning").evidence["low"] == 0
    relu = only(find(net(1, "relu"), y=YES, loss="binary_cross_entropy"), "loss_mismatch", "warning")
    assert relu.evidence["lowest_loss"] == pytest.approx(np.log(2))
    shares = Network.of(6, [Dense(6, 3), Softmax()], seed=0)
    assert only(find(shares, y=one_hot(LABELS, 3), loss="mse"), "loss_mismatch", "warning").evidence["loss"] == "mse"
    assert find(shares) == []


def test_batch_sizes():
    norm = Network.of(6, [Dense(6, 16), BatchNorm(16), Activation("relu"), Dense(16, 3)], seed=0)
    assert only(find(norm, batch_size=1), "batch_size", "warning").layer == "1"
    assert only(find(norm, X[:97], LABELS[:97]), "batch_size", "info").evidence["rest"] == 1
    assert only(find(norm, batch_size=16, micro_batch_size=5), "batch_size", "info").evidence["batch_size"] == 5
    assert only(find(net(), batch_size=1000), "batch_size", "info").evidence["samples"] == N
    assert find(net(), batch_size=1) == []
    assert find(net(), X[:8], LABELS[:8]) == []


def test_the_first_outputs():
    network = net()
    network.set_parameters({"1.weight": network.parameters()["1.weight"] * 300})
    found = find(network)
    assert {f.rule for f in found} == {"poor_initialisation", "initial_loss"}
    assert next(f for f in found if f.rule == "initial_loss").evidence["expected"] == pytest.approx(np.log(3))
    dead = Network.of(6, [Dense(6, 16, "relu"), Dense(16, 3)], seed=0)
    dead.set_parameters({"0.bias": np.full(16, -100.0)})
    found = only(find(dead, range_test=True), "dead_relu", "error")
    assert (found.layer, found.step) == ("0", None)


@pytest.mark.parametrize(
    ("rate", "optimizer", "severity"),
    [(300.0, "sgd", "error"), (10.0, "adam", "error"), (1e-9, "sgd", "warning"), (1e-9, "adam", "warning")],
)
def test_rates_that_are_too_high_or_too_low(rate, optimizer, severity):
    found = only(find(net(), learning_rate=rate, optimizer=optimizer, range_test=True), "learning_rate", severity)
    assert 1e-4 < found.evidence["works"] <= 30
    assert found.evidence["learning_rate"] == rate


def test_a_rate_of_nothing():
    assert only(find(net(), learning_rate=0.0), "learning_rate", "error").evidence == {"learning_rate": 0.0}
    assert only(find(net(), schedule={"type": "Constant", "value": 0.0}), "learning_rate", "error")


def test_a_rate_that_can_not_be_tried_in_time_is_said(monkeypatch):
    monkeypatch.setattr(rehearsal, "SECONDS", 0.0)
    assert only(find(net(), range_test=True), "learning_rate", "info").evidence == {"learning_rate": 0.1}


def test_the_network_does_not_change():
    layers = [Dense(6, 16), BatchNorm(16), Dropout(0.5), Dense(16, 3)]
    checked, other = (Network.of(6, layers, seed=3) for _ in range(2))
    config = TrainingConfig(optimizer="adam", learning_rate=0.01)
    for network in (checked, other):
        network.fit(X, LABELS, config)
    check(checked, X, LABELS, config)
    assert checked.engine.steps == other.engine.steps
    for network in (checked, other):
        network.fit(X, LABELS, config)
    state, expected = checked.parameters(), other.parameters()
    assert all(np.array_equal(state[name], expected[name]) for name in expected)


def test_what_fit_refuses_is_refused():
    with pytest.raises(DataError, match="NaN"):
        find(net(), changed(0, np.nan))
    with pytest.raises(DataError, match="class labels"):
        find(net(2))
    with pytest.raises(ConfigError, match="expected a network, then x and y, got ndarray"):
        check(X, LABELS, LABELS)


def test_the_gravest_findings_come_first_and_causes_before_their_consequences():
    order = {"error": 0, "warning": 1, "info": 2}
    severities = [order[f.severity] for f in find(net(), changed(2, 7), LABELS * 0, batch_size=1000)]
    assert severities == [0, 2, 2]
    found = find(net(), changed(3, X[:, 3] * 1e4), range_test=True)
    assert [(f.rule, f.severity) for f in found] == [
        ("unscaled_inputs", "warning"), ("learning_rate", "error"), ("initial_loss", "warning"),
    ]  # fmt: skip


def test_many_samples_are_looked_at_in_part_but_constants_in_all():
    x = RANDOM.normal(size=(200_000, 2)).astype(np.float32)
    x[:, 1] = 0
    network, y = Network.of(2, [Dense(2, 2)], seed=0), (x[:, 0] > 0).astype(np.int64)
    assert only(find(network, x, y), "constant_inputs", "info").evidence["which"] == "1"
    x[100_001, 1] = 1
    assert find(network, x, y) == []


def test_a_diagnosed_run_examines_its_data_first_and_once():
    network, observer = net(1, "relu"), DiagnosticObserver()
    network.add_observer(observer)
    x = changed(3, X[:, 3] * 1e4)
    for _ in range(2):
        network.fit(x, VALUES, TrainingConfig(loss="mse", learning_rate=1e-9))
    found = [f.rule for f in observer.get_findings()]
    assert found[:2] == ["target_range", "unscaled_inputs"]
    assert len(found) == len(set(found))
    assert loom_py.check is check


def test_a_session_answers_with_plain_data():
    session = open_session()
    layers = [{"type": "Dense", "inputs": 6, "outputs": 5}]
    network = session.call(0, "network", [{"input_shape": [6], "layers": layers, "seed": 0}])
    found = session.call(0, "check", [network, X, LABELS, {"learning_rate": 0.1}], {"range_test": False})
    assert [(f["rule"], f["evidence"]["which"]) for f in found] == [("missing_class", "3, 4")]
