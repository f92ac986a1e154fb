"""What observers are told of a network: true numbers, for every layer, at no cost when nobody listens."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loom_py import (
    SGD,
    Activation,
    ChannelObserver,
    ConfigError,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    LayerStats,
    Network,
    Observer,
    ParameterGroup,
    RecordingObserver,
    Residual,
    Sequential,
    TrainingEvent,
    cross_entropy_loss_grad,
)
from loom_py.engine.compile import StepOptions
from loom_py.engine.inputs import Feed
from loom_py.executors.base import Executor
from loom_py.telemetry.frame import StatsFrame, by_schema, records_of
from loom_py.telemetry.instrument import StatsRequest
from loom_py.telemetry.statistics import LAYER_NUMBERS, measured
from loom_py.train.config import TrainingConfig
from tests.ops import machines

RNG = np.random.default_rng(3)
X = RNG.normal(size=(12, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 12)


class Notes(Observer):
    """Keeps what it is told."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.forward: list[LayerStats] = []
        self.backward: list[LayerStats] = []
        self.events: list[TrainingEvent] = []

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        assert layer_idx == stats.layer_index
        self.forward.append(stats)

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        self.backward.append(stats)

    def on_training_event(self, event: TrainingEvent) -> None:
        self.events.append(event)


def small() -> Network:
    return Network.of(6, [Dense(6, 5, "relu"), LayerNorm(5), Dense(5, 3)], seed=0)


def test_forward_statistics_are_those_of_the_outputs() -> None:
    net, notes = small(), Notes(output_values=True)
    net.set_observer(notes)
    net.forward(X)
    assert [s.path for s in notes.forward] == ["0", "1", "2"]
    weights = net.parameters()
    first = notes.forward[0]
    truth = np.maximum(X @ weights["0.weight"] + weights["0.bias"], 0)
    assert first.output_values is not None
    np.testing.assert_allclose(first.output_values, truth.ravel(), rtol=1e-5, atol=1e-6)
    for s in notes.forward:
        assert s.output_values is not None
        v = s.output_values.astype(np.float64)
        assert (s.output_min, s.output_max) == (v.min(), v.max())
        assert s.output_mean == pytest.approx(v.mean(), abs=1e-6)
        assert s.output_std == pytest.approx(v.std(), rel=1e-5)
        assert s.zero_fraction == pytest.approx((v == 0).mean())
        assert s.dead_units == (~v.any(axis=0)).sum()
        assert s.input_shape[0] == s.output_shape[0] == 12
        assert s.compute_time_ns is not None and s.compute_time_ns > 0
        assert (s.nan_count, s.inf_count) == (0, 0)
        assert not measured(s.gradient_norm)
    assert first.weight_norm == pytest.approx(np.linalg.norm(weights["0.weight"]), rel=1e-5)
    assert first.bias_norm == 0.0


def test_backward_statistics_are_those_of_the_gradients() -> None:
    net, notes = small(), Notes()
    net.set_observer(notes)
    output, _ = net.forward_cpu(X)
    grad = cross_entropy_loss_grad(output, Y).grad
    dx = net.backward_cpu(grad).input_gradient
    assert [s.path for s in notes.backward] == ["2", "1", "0"]
    gradients = net.gradients()
    for s in notes.backward:
        own = [g for name, g in gradients.items() if name.startswith(f"{s.path}.")]
        assert s.gradient_norm == pytest.approx(np.sqrt(sum((g.astype("f8") ** 2).sum() for g in own)), rel=1e-5)
    assert notes.backward[0].output_mean == pytest.approx(grad.mean(), abs=1e-7)
    assert notes.backward[-1].input_gradient_norm == pytest.approx(np.linalg.norm(dx), rel=1e-5)  # type: ignore[arg-type]


def test_update_ratio_is_how_far_the_weights_moved() -> None:
    net, notes = small(), Notes()
    net.set_observer(notes)
    before = net.parameters()
    net.fit(X, Y, TrainingConfig(learning_rate=0.05, batch_size=12))
    after = net.parameters()
    for s in notes.backward:
        names = [n for n in before if n.startswith(f"{s.path}.")]
        moved = np.sqrt(sum(((after[n] - before[n]) ** 2).sum() for n in names))
        assert s.update_ratio == pytest.approx(moved / np.sqrt(sum((before[n] ** 2).sum() for n in names)), rel=1e-3)
    ratios = [layer.update_ratio for layer in net.get_telemetry().layer_stats]
    assert ratios == [s.update_ratio for s in reversed(notes.backward)]


def test_nobody_listening_means_no_statistics_in_the_program() -> None:
    net = small()
    options: StepOptions = TrainingConfig().options()
    target = Y.astype(np.int32)
    bare = net.engine.compiler.step(Feed(X, target).form, options, None).program
    watched = net.engine.compiler.step(Feed(X, target).form, options, StatsRequest()).program
    assert not bare.observations and "stats" not in {i.verb.name for i in bare.instructions}
    assert len(watched.observations) > 10
    net.set_observer(Listener())
    net.fit(X, Y)
    assert all(not r.loaded.program.observations for r in net.engine._ready.values())


class Listener(Observer):
    """Hears training events alone, so layers need not be measured for it."""

    def on_training_event(self, event: TrainingEvent) -> None:
        pass


def test_every_and_layers_choose_what_is_told() -> None:
    net, sampled, chosen = small(), Notes(every=3), Notes(layers=["2"])
    net.add_observer(sampled)
    net.add_observer(chosen)
    for _ in range(6):
        net.forward(X)
    assert len(sampled.forward) == 2 * 3
    assert [s.path for s in chosen.forward] == ["2"] * 6


def test_watching_changes_no_number_of_the_training() -> None:
    quiet, watched = small(), small()
    watched.set_observer(Notes(output_values=True))
    config = TrainingConfig(epochs=3, batch_size=5, learning_rate=0.1, optimizer="adamw", gradient_clip=0.5)
    losses = [net.fit(X, Y, config).loss_history for net in (quiet, watched)]
    assert losses[0] == losses[1]
    assert all((v == watched.parameters()[n]).all() for n, v in quiet.parameters().items())


def test_an_observer_can_not_change_the_network() -> None:
    class Vandal(Observer):
        def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
            assert stats.output_values is not None
            stats.output_values[:] = 1e9
            stats.output_max = 0.0

    net, notes = small(), Notes(output_values=True)
    expected = net.forward(X)
    net.add_observer(Vandal(output_values=True))
    net.add_observer(notes)
    np.testing.assert_array_equal(net.forward(X), expected)
    assert notes.forward[0].output_values.max() < 100  # type: ignore[union-attr]


def test_an_observer_that_raises_is_told_once_and_detached(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Observer):
        def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
            raise RuntimeError("no")

    net, notes = small(), Notes()
    net.add_observer(Broken())
    net.add_observer(notes)
    with caplog.at_level(logging.ERROR, "loom_py"):
        result = net.fit(X, Y, TrainingConfig(epochs=2))
    assert result.stopped_because == "finished"
    assert len(caplog.records) == 1 and "Broken" in caplog.text
    assert len(notes.forward) == 2 * 3


def test_observers_come_and_go() -> None:
    net, a, b = small(), Notes(), Notes()
    net.set_observer(a)
    net.add_observer(b)
    net.add_observer(b)
    net.forward(X)
    net.remove_observer(a)
    net.forward(X)
    net.set_observer(None)
    net.forward(X)
    assert (len(a.forward), len(b.forward)) == (3, 6)
    with pytest.raises(ConfigError, match="Observer"):
        net.add_observer(print)  # type: ignore[arg-type]


def test_telemetry_measures_now() -> None:
    net = small()
    before = net.get_telemetry()
    assert not any(measured(layer.activation_max) for layer in before.layer_stats)
    assert not measured(before.layer_stats[0].gradient_norm)
    output, _ = net.forward_cpu(X)
    net.backward_cpu(np.ones((12, 3)))
    now = net.get_telemetry()
    assert now.layer_stats[2].activation_max == pytest.approx(output.max())
    assert now.layer_stats[2].gradient_norm == pytest.approx(
        np.sqrt(sum((net.gradients()[n] ** 2).sum() for n in ("2.weight", "2.bias"))), rel=1e-5
    )
    assert now.memory_usage == sum(n for kind, n in now.memory.items() if kind not in ("gpu", "wasm_heap"))
    assert now.memory["weights"] == net.engine.memory.areas["weights"].nbytes  # type: ignore[attr-defined]
    assert now.memory["activations"] > 0 and now.memory["gpu"] == 0


def test_a_norm_of_nothing_is_0_in_every_reader(tmp_path: Path) -> None:
    net = Network.of(6, [Dense(6, 8, bias=False), Activation("relu"), Sequential([LayerNorm(8)]), Dense(8, 3)], seed=0)
    for layer in net.get_telemetry().layer_stats:
        assert f"{layer.weight_norm:.4f} {layer.gradient_norm:.4f} {layer.activation_min:.2f} {layer.update_ratio:.1e}"
    recording = RecordingObserver()
    net.set_observer(recording)
    net.fit(X, Y, TrainingConfig(batch_size=12))
    output, _ = net.forward_cpu(X)
    net.backward_cpu(np.ones_like(output))
    paths = [s.path for s in recording.get_history()[:5]]
    has = {"weight_norm": {"0", "2.layers.0", "3"}, "bias_norm": {"2.layers.0", "3"}}
    recording.save_to_file(tmp_path / "run.jsonl")
    for known in (recording, RecordingObserver.load(tmp_path / "run.jsonl")):
        records = known.get_history() + known.get_backward_history()
        assert len(records) == 4 * len(paths)
        for s in records:
            for name, owners in has.items():
                assert measured(getattr(s, name)) and (s.path in owners or getattr(s, name) == 0)
        # A gradient that does not exist does not vanish: the guide's recipe compares it with 1e-6.
        assert [s.path for s in known.get_backward_history() if not measured(s.gradient_norm)] == ["2", "1"] * 2
    now = {layer.path: layer for layer in net.get_telemetry().layer_stats}
    assert {path for path in paths if now[path].weight_norm > 0 and now[path].gradient_norm > 0} == has["weight_norm"]
    assert now["1"].weight_norm == now["1"].gradient_norm == now["2"].weight_norm == now["2"].gradient_norm == 0


def test_a_recording_keeps_outputs_of_whole_samples_by_default() -> None:
    net, recording = Network.of(6, [Dense(6, 3000, "relu"), Dense(3000, 2)], seed=0), RecordingObserver()
    net.set_observer(recording)
    output, _ = net.forward_cpu(X)
    net.backward_cpu(np.ones_like(output))
    wide, last = recording.get_history()
    assert wide.output_values is not None and last.output_values is not None
    assert wide.output_values.shape == (3000,)  # 16 KiB hold one sample
    np.testing.assert_array_equal(last.output_values, output.ravel())
    alone = net.parameters()["0.weight"].T @ X[0]
    np.testing.assert_allclose(wide.output_values, np.maximum(alone, 0), rtol=1e-4, atol=1e-5)
    assert all(r.output_values is None for r in recording.get_backward_history())
    none = RecordingObserver(output_values=False)
    net.add_observer(none)
    net.forward_cpu(X)
    assert [r.output_values is None for r in none.get_history()] == [True, True]


def test_each_parameter_array_has_norms_of_its_own() -> None:
    net, notes = small(), Notes()
    net.set_observer(notes)
    before = net.parameters()
    net.fit(X, Y, TrainingConfig(batch_size=12, learning_rate=0.1))
    after, gradients = net.parameters(), net.gradients()
    first, last = notes.forward[0], notes.backward[-1]
    assert list(first.parameters) == list(last.parameters) == ["weight", "bias"]
    for name in ("weight", "bias"):
        full, was, now = f"0.{name}", first.parameters[name], last.parameters[name]
        norm = np.linalg.norm(before[full])
        assert was.weight_norm == now.weight_norm == pytest.approx(norm, rel=1e-6)
        assert not measured(was.gradient_norm) and not measured(was.update_ratio)
        assert now.gradient_norm == pytest.approx(np.linalg.norm(gradients[full]), rel=1e-6)
        moved = np.linalg.norm(after[full] - before[full])
        assert now.update_ratio == (np.inf if norm == 0 else pytest.approx(moved / norm, rel=1e-4))


class Columns(Observer):
    """Takes runs as they are, and makes records of them later."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.runs: list[StatsFrame] = []

    def on_frame(self, run: StatsFrame) -> None:
        self.runs.append(run)


@pytest.mark.parametrize("options", [{}, {"layers": ["1"]}, {"histograms": True, "output_values": True}])
def test_runs_give_the_records_that_others_are_told(options: dict[str, object]) -> None:
    net, notes, columns = small(), Notes(**options), Columns(**options)
    net.add_observer(notes)
    net.add_observer(columns)
    net.fit(X, Y, TrainingConfig(batch_size=5, learning_rate=0.1))
    net.forward(X[0])
    net.remove_observer(notes)
    records = list(records_of(columns.runs))
    told = sorted(notes.forward + notes.backward, key=lambda stats: stats.seq)
    assert repr(records) == repr(told)
    kinds = {layout for layout, _ in by_schema(columns.runs)}
    for layout, runs in by_schema(columns.runs):
        table = layout.table(runs).reshape(-1, len(LAYER_NUMBERS))
        for row, stats in zip(table, layout.records(runs), strict=True):
            np.testing.assert_array_equal(row, np.array([getattr(stats, name) for name in LAYER_NUMBERS], float))
    assert 2 <= len(kinds) <= 4  # whole batches, the last one, a single sample


def test_a_class_between_is_told_of_records_again() -> None:
    class Mine(RecordingObserver):
        seen = 0

        def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
            self.seen += 1
            super().on_layer_forward(layer_idx, stats)

    net, mine = small(), Mine(capacity=4)
    net.add_observer(mine)
    net.forward(X)
    net.forward(X)
    assert mine.seen == 6
    assert (len(mine.get_history()), mine.dropped) == (4, 2)


def test_a_recording_drops_single_records_of_a_run() -> None:
    net, recording = small(), RecordingObserver(capacity=4, output_values=True)
    net.add_observer(recording)
    net.forward(X)
    net.forward(X)
    assert [s.path for s in recording.get_history()] == ["2", "0", "1", "2"]
    assert recording.dropped == 2
    held = sum(s.output_values.nbytes for s in recording.get_history() if s.output_values is not None)
    assert held < recording.memory_bytes < held + 3000


def test_elementwise_layers_have_their_units_where_what_comes_in_has_them() -> None:
    inside = Sequential([Conv2D(2, 3, 1), Activation("relu")])
    layers = [Dropout(0.0), inside, Activation("relu"), Residual([Activation("tanh")]), Flatten(), Activation("relu")]
    net, notes = Network.of((2, 4, 4), layers, seed=0), Notes()
    bias = net.parameters()["1.layers.0.bias"]
    bias[1] = -100.0  # the second channel is dead from here on
    net.set_parameters({"1.layers.0.bias": bias})
    net.set_observer(notes)
    output = net.forward_cpu(np.abs(np.random.default_rng(0).normal(size=(5, 2, 4, 4))).astype(np.float32)).output
    net.backward_cpu(np.ones_like(output))
    axes = {layer.path: layer.unit_axis for layer in net.get_blueprint().walk()}
    assert [axes[path] for path in ("0", "1", "1.layers.1", "2", "3", "4", "5")] == [1, 1, 1, 1, 1, -1, -1]
    dead = {s.path: s.dead_units for s in notes.forward}
    assert [dead[path] for path in ("1", "1.layers.1", "2", "3")] == [1, 1, 1, 1]
    assert (dead["5"] or 0) >= 16  # by now the units are single values
    # What reaches the convolution is 0 in its dead channel, whatever measured that gradient first.
    assert {s.path: s.dead_units for s in notes.backward}["1.layers.0"] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "gradient_clip": 0.01},
        {"optimizer": "sgd", "gradient_clip_value": 0.001},
        {"optimizer": "sgd", "micro_batch_size": 4},
        {"optimizer": SGD(momentum=0.9), "gradient_clip": 0.01},
        {"optimizer": SGD(momentum=0.9, weight_decay=0.1)},
        {"optimizer": SGD(momentum=0.9, nesterov=True)},
        {"optimizer": SGD(weight_decay=0.1)},
        {"optimizer": "sgd", "groups": [ParameterGroup(names=["*.bias"], rate=0.5, weight_decay=0.1)]},
        {"optimizer": "sgd", "groups": [ParameterGroup(names=["2.*"], rate=3.0)]},
        {"optimizer": "adam"},
    ],
)
@pytest.mark.parametrize("executor", [None, machines.wasm()[1]], ids=["numpy", "wasm"])
def test_updates_are_measured_as_long_as_they_are(options: dict[str, Any], executor: Executor | None) -> None:
    net, notes = small(), Notes()
    if executor is not None:
        net.engine.move_to(executor)
    config = TrainingConfig(batch_size=12, learning_rate=0.1, **options)
    net.fit(X, Y, config)  # biases of 0 have no ratio
    net.add_observer(notes)
    before = net.parameters()
    net.fit(X, Y, config)
    after = net.parameters()
    assert len(notes.backward) == 3
    for stats in notes.backward:
        for name, parameter in stats.parameters.items():
            full = f"{stats.path}.{name}"
            ratio = np.linalg.norm(after[full] - before[full]) / np.linalg.norm(before[full])
            assert parameter.update_ratio == pytest.approx(ratio, rel=2e-4), full


def test_a_refused_step_moves_nothing() -> None:
    net, notes = small(), Notes()
    net.set_parameters({"2.weight": np.full((5, 3), 3e38, np.float32)})
    net.set_observer(notes)
    net.fit(X, Y, TrainingConfig(batch_size=12, learning_rate=0.1))
    assert [s.update_ratio for s in notes.backward] == [0.0, 0.0, 0.0]


def test_a_channel_gives_the_newest_records_of_runs() -> None:
    net, notes = small(), Notes()
    channel = ChannelObserver(capacity=4, backward=True)
    net.add_observer(notes)
    net.add_observer(channel)
    net.fit(X, Y, TrainingConfig(batch_size=12, learning_rate=0.1))
    counts = channel.counters
    assert (counts.produced, counts.dropped, counts.queued) == (6, 2, 4)
    told = [notes.forward[2], *notes.backward]
    channel.close()
    assert repr(list(channel)) == repr(told)
