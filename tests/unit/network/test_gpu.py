"""Networks on the GPU: NumPy's numbers, a few steps ahead, and nothing lost when something goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import loom_py as nn
from loom_py.executors.webgpu import WebGPUExecutor, find
from loom_py.executors.webgpu.native import native_host
from tests.ops import machines

pytestmark = [
    pytest.mark.cpython,
    pytest.mark.skipif(machines.webgpu() is None, reason="no Vulkan driver, not even Chromium's"),
]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((96, 12)).astype(np.float32)
Y = RNG.integers(0, 5, 96).astype(np.int32)
OPTIONS = nn.TrainingConfig(epochs=3, batch_size=16, learning_rate=0.01, loss="cross_entropy", optimizer="adam")
TOLERANCE = 1e-5


def network(device: str, *middle: Any, seed: int = 4) -> nn.Network:
    layers = [nn.Dense(12, 24, activation="relu"), *middle, nn.Dense(24, 5)]
    net = nn.Network(12, 1, 1, len(layers), seed=seed)
    for number, layer in enumerate(layers):
        net.set_layer(0, 0, number, layer)
    net.to(device)
    return net


class Listener(nn.Observer):
    """Keeps everything that it hears."""

    def __init__(self) -> None:
        super().__init__(histograms=True)
        self.stats: list[nn.LayerStats] = []
        self.events: list[nn.TrainingEvent] = []

    def on_layer_forward(self, index: int, stats: nn.LayerStats) -> None:
        self.stats.append(stats)

    def on_layer_backward(self, index: int, stats: nn.LayerStats) -> None:
        self.stats.append(stats)

    def on_training_event(self, event: nn.TrainingEvent) -> None:
        self.events.append(event)


def trained(device: str, *middle: Any, **changes: Any) -> tuple[nn.Network, nn.TrainingResult, Listener]:
    net, listener = network(device, *middle), Listener()
    net.add_observer(listener)
    return net, net.fit(X, Y, replace(OPTIONS, **changes)), listener


def close(one: nn.Network, other: nn.Network) -> None:
    for name, value in one.parameters().items():
        np.testing.assert_allclose(value, other.parameters()[name], atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "sgd", "micro_batch_size": 6},
        {"optimizer": "rmsprop", "gradient_clip": 0.5, "schedule": nn.Exponential(0.9)},
        {"optimizer": "lion", "gradient_clip_value": 0.1, "learning_rate": 0.001},
    ],
    ids=["adam", "micro-batches", "clipped", "lion"],
)
def test_training_is_numpys(changes: dict[str, Any]) -> None:
    middle = nn.LayerNorm(24), nn.Dropout(0.25)
    one, by_numpy, _ = trained("numpy", *middle, **changes)
    other, by_gpu, _ = trained("webgpu", *middle, **changes)
    np.testing.assert_allclose(by_gpu.loss_history, by_numpy.loss_history, rtol=TOLERANCE)
    assert by_gpu.accuracy_history == by_numpy.accuracy_history
    close(one, other)


def test_statistics_are_numpys_and_bear_their_own_step() -> None:
    _, _, by_numpy = trained("numpy", nn.BatchNorm(24))
    _, _, by_gpu = trained("webgpu", nn.BatchNorm(24))
    assert len(by_gpu.stats) == len(by_numpy.stats)
    for got, wanted in zip(by_gpu.stats, by_numpy.stats, strict=True):
        same = (
            "step",
            "epoch",
            "batch",
            "seq",
            "path",
            "phase",
            "dead_units",
            "nan_count",
            "inf_count",
            "output_shape",
        )
        assert [getattr(got, name) for name in same] == [getattr(wanted, name) for name in same]
        near = ("output_min", "output_max", "output_mean", "output_std", "weight_norm", "gradient_norm", "update_ratio")
        for name in (*near, "zero_fraction"):
            np.testing.assert_allclose(getattr(got, name), getattr(wanted, name), rtol=1e-3, atol=1e-5, err_msg=name)
        assert got.histogram is not None and wanted.histogram is not None
        assert sum(got.histogram) == sum(wanted.histogram)


def test_events_come_late_but_in_order_and_for_their_own_step() -> None:
    _, _, by_numpy = trained("numpy")
    _, _, by_gpu = trained("webgpu")

    def ended(listener: Listener) -> list[tuple[int, int, int]]:
        return [(e.step, e.epoch, e.batch) for e in listener.events if e.type == "batch_end"]  # type: ignore[misc]

    assert ended(by_gpu) == ended(by_numpy)
    kinds = [e.type for e in by_gpu.events]
    assert kinds.index("batch_end") > kinds.index("batch_start") + 1  # it does work ahead
    assert sorted(kinds) == sorted(e.type for e in by_numpy.events)


def test_a_refused_step_takes_those_begun_after_it_along() -> None:
    """The batch that breaks is in the middle of steps that are under way: the weights are those of before it."""
    inputs = X.copy()
    inputs[40] = 1e38

    def broken(device: str) -> tuple[nn.Network, nn.TrainingResult, Listener]:
        net, listener = network(device), Listener()
        net.add_observer(listener)
        batches = [nn.Batch(inputs[i : i + 16], Y[i : i + 16]) for i in range(0, 96, 16)]
        return net, net.train(batches, replace(OPTIONS, epochs=1, shuffle=False)), listener

    one, by_numpy, heard = broken("numpy")
    other, by_gpu, listened = broken("webgpu")
    assert by_gpu.stopped_because == by_numpy.stopped_because == "anomaly"
    assert by_gpu.steps == by_numpy.steps == 2
    close(one, other)
    texts = [[(e.step, e.path, e.text) for e in o.events if e.type == "anomaly"] for o in (listened, heard)]
    assert texts[0] == texts[1]
    again = other.fit(X, Y, OPTIONS)
    assert again.stopped_because == "finished"
    np.testing.assert_allclose(again.loss_history, one.fit(X, Y, OPTIONS).loss_history, rtol=1e-4)


def test_leaving_early_counts_what_was_begun() -> None:
    net = network("webgpu")
    trainer = net.fit_trainer(X, Y, OPTIONS)
    events = trainer.run()
    while next(events).type != "batch_end":
        pass
    events.close()
    assert trainer.result.steps == net.engine.steps == net.engine.updates > 1


def test_a_snapshot_in_the_middle_goes_on_to_the_bit(tmp_path: Any) -> None:
    net, other = network("webgpu"), network("webgpu")
    trainer = net.fit_trainer(X, Y, OPTIONS)
    events = trainer.run()
    for _ in range(4):
        while next(events).type != "batch_end":
            pass
    net.save_checkpoint(tmp_path / "half.safetensors", trainer)
    resumed = other.fit_trainer(X, Y, OPTIONS)
    other.load_checkpoint(tmp_path / "half.safetensors", resumed)
    heard = [e for e in resumed.run() if e.type == "batch_end"]
    assert [e.type for e in events].count("batch_end") == 18 - 4
    assert heard[0].step == resumed.result.steps - len(heard) + 1
    assert trainer.result.loss_history == resumed.result.loss_history
    for name, value in net.parameters().items():
        np.testing.assert_array_equal(value, other.parameters()[name])


def test_forward_gpu_beside_another_device() -> None:
    net = network("numpy", nn.LayerNorm(24))
    assert net.has_method("ForwardGPU")
    np.testing.assert_allclose(net.forward_gpu(X).output, net.forward(X), atol=1e-5)
    net.fit(X, Y, OPTIONS)
    assert net.device == "numpy"
    np.testing.assert_allclose(net.forward_gpu(X[0]).output, net.forward(X[0]), atol=1e-5)


def test_the_loop_by_hand() -> None:
    nets = [network(device) for device in ("numpy", "webgpu")]
    for net in nets:
        for _ in range(3):
            out = net.forward_cpu(X, training=True).output
            net.backward_cpu(out / len(X))
            net.apply_gradients(0.1)
    close(*nets)
    for name, gradient in nets[0].gradients().items():
        np.testing.assert_allclose(nets[1].gradients()[name], gradient, atol=1e-4)


def test_tweening() -> None:
    steps = []
    for device in ("numpy", "webgpu"):
        trainer = nn.TweenTrainer(network(device), loss="cross_entropy")
        steps.append([trainer.step(X, Y) for _ in range(3)])
    for one, other in zip(*steps, strict=True):
        np.testing.assert_allclose(other.loss, one.loss, rtol=1e-4)
        np.testing.assert_allclose([v.gap for v in other.views], [v.gap for v in one.views], rtol=1e-3)


def test_telemetry_and_moving() -> None:
    net = network("webgpu")
    assert net.get_telemetry().memory["gpu"] > net.get_telemetry().memory["weights"]
    before = net.parameters()
    net.to("numpy")
    assert net.get_telemetry().memory["gpu"] == 0
    for name, value in net.parameters().items():
        np.testing.assert_array_equal(value, before[name])


def test_memory_comes_back_when_a_network_goes() -> None:
    heap = find.find_executor().heap
    net = network("webgpu")
    net.fit(X, Y, OPTIONS)
    used = heap.used
    del net
    assert heap.used < used


def test_auto_does_not_take_a_gpu_that_is_none() -> None:
    net = network("auto")
    net.fit(X, Y, OPTIONS)
    assert net.device != "webgpu"
    assert "software renderer" in net.device_reason


@pytest.fixture
def own_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebGPUExecutor]:
    """A device of the test's own, to break."""
    executor = WebGPUExecutor(native_host())
    monkeypatch.setattr(find, "find_executor", lambda: executor)
    yield executor


@pytest.mark.parametrize("at", [1, 13])
def test_a_lost_device_costs_no_step(own_gpu: WebGPUExecutor, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loom_py.executors.failover.MOST_LOGGED", 5)

    class Breaker(Listener):
        def on_training_event(self, event: nn.TrainingEvent) -> None:
            super().on_training_event(event)
            if event.type == "batch_end" and event.step == at and not own_gpu.host.lost:
                own_gpu.host.device.destroy()  # type: ignore[attr-defined]

    wanted_net, wanted, by_numpy = trained("numpy", nn.BatchNorm(24), nn.Dropout(0.1))
    net, listener = network("webgpu", nn.BatchNorm(24), nn.Dropout(0.1)), Breaker()
    net.add_observer(listener)
    result = net.fit(X, Y, OPTIONS)
    assert result.stopped_because == "finished" and result.steps == wanted.steps
    np.testing.assert_allclose(result.loss_history, wanted.loss_history, rtol=TOLERANCE)
    close(net, wanted_net)
    assert len(listener.stats) == len(by_numpy.stats)
    (told,) = [e for e in listener.events if e.type == "anomaly"]
    assert told.text is not None and "webgpu was lost" in told.text and "none is missing" in told.text
    assert net.device == "numpy"
    assert own_gpu.host.lost


def test_a_network_too_large_for_the_device_is_refused(own_gpu: WebGPUExecutor) -> None:
    own_gpu.host.adapter = replace(own_gpu.host.adapter, most_bytes=1 << 16)  # type: ignore[misc]
    net = network("numpy", nn.Dense(24, 4096), nn.Dense(4096, 24))
    net.forward(X)
    before = net.parameters()
    with pytest.raises(nn.UnavailableError, match=r"expected at most .* MiB.*smaller"):
        net.to("webgpu")
    assert net.device == "numpy"
    for name, value in net.parameters().items():
        np.testing.assert_array_equal(value, before[name])
