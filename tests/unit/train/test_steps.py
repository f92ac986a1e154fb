"""How a step is made: micro-batches, parameter groups, sequences and ignored labels, repeats to the bit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from loom_py import (
    LSTM,
    SGD,
    Adam,
    AdamW,
    Batch,
    BatchNorm,
    ConfigError,
    CrossEntropy,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    LayerStats,
    Network,
    Observer,
    ParameterGroup,
    RMSProp,
    TrainingConfig,
    TrainingResult,
    cross_entropy_loss_grad,
)
from loom_py.engine.inputs import Feed
from loom_py.engine.layout import GRADIENTS, WEIGHTS
from loom_py.engine.update import contiguous

RNG = np.random.default_rng(12)
X = RNG.standard_normal((22, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 22)


def mlp(seed: int = 3) -> Network:
    return Network.of(6, [Dense(6, 9, "tanh"), LayerNorm(9), Dense(9, 3)], seed=seed)


def trained(make: Callable[[], Network], **options: Any) -> tuple[Network, TrainingResult]:
    net = make()
    return net, net.fit(X, Y, TrainingConfig(**{"epochs": 3, "batch_size": 11, "learning_rate": 0.05, **options}))


# micro-batches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4, 10, 11, 50])
@pytest.mark.parametrize("weights", [None, (0.2, 1.0, 3.0)])
def test_micro_batches_make_the_step_of_the_whole_batch(size: int, weights: tuple[float, ...] | None) -> None:
    loss = CrossEntropy(class_weights=weights)
    options: dict[str, Any] = {"loss": loss, "optimizer": Adam(), "gradient_clip": 0.5}
    whole, expected = trained(mlp, **options)
    parts, result = trained(mlp, **options, micro_batch_size=size)
    np.testing.assert_allclose(result.loss_history, expected.loss_history, rtol=1e-5)
    assert result.accuracy_history == expected.accuracy_history
    assert (result.steps, whole.engine.updates) == (expected.steps, parts.engine.updates)
    for name, value in whole.parameters().items():
        np.testing.assert_allclose(parts.parameters()[name], value, rtol=1e-3, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(parts.gradients()[name], whole.gradients()[name], rtol=1e-3, atol=1e-6)


def test_micro_batches_take_the_memory_of_a_part() -> None:
    whole, _ = trained(mlp, batch_size=22)
    parts, _ = trained(mlp, batch_size=22, micro_batch_size=2)
    assert parts.engine.activation_bytes < 0.6 * whole.engine.activation_bytes
    once, twice = (net.get_telemetry().memory["gradients"] for net in (whole, parts))
    assert twice == 2 * once, "expected room for the sum of the parts' gradients to be counted"


def test_a_watched_step_of_micro_batches_is_told_once() -> None:
    told: list[tuple[int, str]] = []

    class Watcher(Observer):
        def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
            told.append((stats.step, stats.path))

    net = mlp()
    net.set_observer(Watcher())
    net.fit(X, Y, TrainingConfig(batch_size=11, micro_batch_size=4))
    assert told == [(step, str(layer)) for step in range(2) for layer in range(3)]


def test_micro_batches_drop_different_units() -> None:
    net = Network.of(6, [Dropout(0.5), Dense(6, 1)], seed=1)
    same = np.ones((8, 6), np.float32)
    config = TrainingConfig(loss="mse", learning_rate=0, micro_batch_size=4)
    net.train([Batch(same, np.zeros((8, 1)))], config)
    both = net.gradients()["1.weight"]
    net.train([Batch(same[:4], np.zeros((4, 1)))], TrainingConfig(loss="mse", learning_rate=0))
    assert (both != net.gradients()["1.weight"]).any()


@pytest.mark.parametrize("micro", [None, 3])
def test_a_refused_step_changes_nothing_not_even_running_means(micro: int | None) -> None:
    net = Network.of(6, [BatchNorm(6), Dense(6, 1)], seed=1)
    net.train([Batch(X[:8], X[:8, :1])], TrainingConfig(loss="mse"))
    net.set_parameters({"1.weight": np.full((6, 1), 3e38)})
    before = net.parameters()
    result = net.train([Batch(X[:8], X[:8, :1])], TrainingConfig(loss="mse", micro_batch_size=micro))
    assert result.stopped_because == "anomaly"
    assert all((net.parameters()[name] == value).all() for name, value in before.items())


# groups ------------------------------------------------------------------------------------------------------------


def undecayed() -> tuple[ParameterGroup, ...]:
    return (ParameterGroup(axes="vectors", weight_decay=0.0),)


@pytest.mark.parametrize("optimizer", [SGD(weight_decay=0.3, momentum=0.5), AdamW(weight_decay=0.3), RMSProp()])
def test_groups_step_as_optimizers_of_their_own(optimizer: Any) -> None:
    """After one step a group's parameters are where the same optimizer with the group's options puts them."""
    groups = (
        ParameterGroup(names=("2.*",), weight_decay=0.1, rate=0.5),
        ParameterGroup(names=("1.*", "*.bias"), weight_decay=0.0),
    )
    once: dict[str, Any] = {"epochs": 1, "batch_size": 22, "shuffle": False}
    got = trained(mlp, optimizer=optimizer, groups=groups, **once)[0].parameters()

    def alone(decay: float | None, rate: float) -> dict[str, Any]:
        own = ParameterGroup(weight_decay=decay).applied(optimizer)
        return dict(trained(mlp, optimizer=own, learning_rate=0.05 * rate, **once)[0].parameters())

    wanted = {"0.weight": alone(None, 1)} | dict.fromkeys(("0.bias", "1.weight", "1.bias"), alone(0.0, 1))
    wanted |= dict.fromkeys(("2.weight", "2.bias"), alone(0.1, 0.5))
    assert set(wanted) == set(got)
    for name, values in wanted.items():
        np.testing.assert_allclose(got[name], values[name], rtol=1e-6, atol=1e-8, err_msg=name)


def test_a_rate_of_zero_freezes() -> None:
    net = mlp()
    before = net.parameters()
    groups = (ParameterGroup(names=("0.*",), rate=0.0),)
    net.fit(X, Y, TrainingConfig(epochs=2, optimizer=AdamW(weight_decay=0.5), groups=groups))
    after = net.parameters()
    assert all((after[name] == value).all() == name.startswith("0.") for name, value in before.items())


def test_weight_decay_without_vectors_is_two_updates() -> None:
    net = mlp()
    options = TrainingConfig(optimizer="adamw", groups=undecayed()).options()
    program = net.engine.compiler.step(Feed(X, Y.astype(np.int32)).form, options, None).program
    assert [i.verb.name for i in program.instructions].count("adam") == 2
    stretches = [(start, stop) for _, start, stop in contiguous(net.engine.layout, undecayed())]
    assert stretches[0][0] == 0 and stretches[0][1] == stretches[1][0]
    assert stretches[1][1] == net.engine.layout.sizes[WEIGHTS] // 4


def test_every_array_has_a_place_of_its_own() -> None:
    layout = mlp().engine.layout
    stretches = sorted(place.elements for place in layout.trained)
    assert all(a[1] <= b[0] for a, b in pairwise(stretches))
    assert list(layout.places) == [f"{i}.{name}" for i in range(3) for name in ("weight", "bias")]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"names": "*.bias"}, "a list"),
        ({"axes": "scalars"}, "'vectors'"),
        ({"rate": -1.0}, "at least 0"),
        ({"weight_decay": float("nan")}, "at least 0"),
    ],
)
def test_bad_groups_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        ParameterGroup(**options)
    with pytest.raises(ConfigError, match="micro_batch_size"):
        TrainingConfig(micro_batch_size=0)
    with pytest.raises(ConfigError, match=text):
        TrainingConfig(groups=(options,))


# sequences ---------------------------------------------------------------------------------------------------------

IDS = RNG.integers(0, 5, (6, 4))


def reader() -> Network:
    return Network.of(4, [Embedding(5, 3), LSTM(3, 8), Dense(8, 5)], seed=2)


def test_accuracy_of_sequences_is_a_share_of_positions() -> None:
    net = reader()
    result = net.fit(IDS, IDS, TrainingConfig(epochs=60, learning_rate=0.05, optimizer="adam", validation=(IDS, IDS)))
    assert result.accuracy_history[-1] is not None and 0.95 < result.accuracy_history[-1] <= 1
    score = net.evaluate(IDS, IDS)
    right = (net.forward(IDS).argmax(-1) == IDS).mean()
    assert score.accuracy == pytest.approx(right) == result.validation_accuracy_history[-1]
    assert score.loss == pytest.approx(cross_entropy_loss_grad(net.forward(IDS), IDS).loss, rel=1e-5)


def test_ignored_labels_count_for_nothing() -> None:
    keep = RNG.random(IDS.shape) < 0.6
    labels = np.where(keep, IDS, -100)
    net, config = reader(), TrainingConfig(loss=CrossEntropy(ignore_label=-100, label_smoothing=0.1), batch_size=4)
    score = net.evaluate(IDS, labels, config)
    logits = net.forward(IDS)
    wanted = cross_entropy_loss_grad(logits[keep], IDS[keep], from_logits=True, label_smoothing=0.1).loss
    assert score.loss == pytest.approx(wanted, rel=1e-5)
    assert score.accuracy == pytest.approx((logits.argmax(-1) == IDS)[keep].mean())
    parts, whole = reader(), reader()
    once: dict[str, Any] = {"loss": config.loss, "batch_size": 6, "learning_rate": 1.0}
    parts.fit(IDS, labels, TrainingConfig(**once, micro_batch_size=1))
    whole.fit(IDS, labels, TrainingConfig(**once))
    for name, value in whole.gradients().items():
        np.testing.assert_allclose(parts.gradients()[name], value, rtol=1e-4, atol=1e-7)


def test_a_batch_of_nothing_but_ignored_labels_moves_nothing() -> None:
    net = reader()
    before = net.parameters()
    config = TrainingConfig(loss=CrossEntropy(ignore_label=-1), learning_rate=1.0)
    result = net.fit(IDS, np.full(IDS.shape, -1), config)
    assert result.stopped_because == "finished"
    assert all((net.parameters()[name] == value).all() for name, value in before.items())
    assert net.evaluate(IDS, np.full(IDS.shape, -1), config).accuracy is None


# repeats -----------------------------------------------------------------------------------------------------------


def dropping() -> Network:
    return Network.of(6, [Dense(6, 9, "relu"), Dropout(0.3), BatchNorm(9), Dense(9, 3)], seed=3)


def memory(net: Network) -> dict[str, bytes]:
    held = net.engine.memory
    return {area: held.read(area, 0, (size,), np.uint8).tobytes() for area, size in held.sizes.items()}


@pytest.mark.parametrize("options", [{}, {"micro_batch_size": 3}, {"groups": undecayed(), "gradient_clip": 0.1}])
def test_a_run_repeats_to_the_bit(options: dict[str, Any]) -> None:
    (first, one), (second, two) = (trained(dropping, optimizer="adamw", **options) for _ in range(2))
    assert one.loss_history == two.loss_history
    assert memory(first) == memory(second)
    assert GRADIENTS in memory(first)


def test_another_seed_is_another_run() -> None:
    losses = [trained(lambda seed=seed: mlp(seed))[1].loss_history for seed in (1, 2)]  # type: ignore[misc]
    shuffles = [trained(mlp, seed=seed)[1].loss_history for seed in (1, 2)]
    assert losses[0] != losses[1] and shuffles[0] != shuffles[1]
