"""A GPU that goes away at any moment, in any kind of work: the numbers are those of a run on the processor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import loom_py as nn
from loom_py.executors.webgpu import WebGPUExecutor, find
from loom_py.executors.webgpu.native import NativeHost, native_host
from tests.ops import machines

pytestmark = [
    pytest.mark.cpython,
    pytest.mark.skipif(machines.webgpu() is None, reason="no Vulkan driver, not even Chromium's"),
]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 5, 6)).astype(np.float32)
Y = RNG.integers(0, 4, (24, 5))
PLAIN = nn.TrainingConfig(epochs=2, batch_size=8, learning_rate=0.01, validation=(X[:6], Y[:6]))
PARTS = nn.TrainingConfig(
    epochs=1, batch_size=8, learning_rate=0.01, optimizer="adam", micro_batch_size=3, gradient_clip=1
)
CALLS = ("run", "read", "write", "wait", "load", "clear", "resize")


class Breaker:
    """Destroys a device right before one of the calls of its host."""

    def __init__(self, at: int | None) -> None:
        self.executor = WebGPUExecutor(native_host())
        self._host, self._left = self.executor.host, -1 if at is None else at
        self.calls = 0

    def arm(self) -> None:
        for name in CALLS:
            setattr(self._host, name, self._counted(getattr(self._host, name)))

    def destroy(self) -> None:
        assert isinstance(self._host, NativeHost)
        self._host.device.destroy()

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            if self.calls == self._left:
                self.destroy()
            self.calls += 1
            return call(*args)

        return counted


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int | None], Breaker]]:
    """A device of the test's own, that breaks at the n-th call."""

    def made(at: int | None = None) -> Breaker:
        breaker = Breaker(at)
        monkeypatch.setattr(find, "_executor", lambda: breaker.executor)
        return breaker

    yield made


def network(device: Any) -> nn.Network:
    layers = [nn.GRU(6, 7, carry=24), nn.LayerNorm(7), nn.Dropout(0.2), nn.Dense(7, 4)]
    net = nn.Network.of((5, 6), layers, seed=3)
    net.to(device)
    return net


def work(net: nn.Network) -> dict[str, Any]:
    """Something of everything."""
    found: dict[str, Any] = {"losses": net.fit(X, Y, PLAIN).loss_history}
    net.set_parameters({name: 0.9 * value for name, value in net.parameters().items()})
    found["output"] = net.forward(X)
    found["telemetry"] = [told.activation_mean for told in net.get_telemetry().layer_stats]
    found["in parts"] = net.fit(X, Y, PARTS).loss_history
    for _ in range(2):
        output = net.forward_cpu(X, training=True).output
        net.backward_cpu(output / 100)
        net.apply_gradients(0.05)
    found |= {f"gradient {name}": value for name, value in net.gradients().items()}
    found["score"] = net.evaluate(X, Y).loss
    tweening = nn.TweenTrainer(net)
    found["tweened"] = [tweening.step(X, Y).loss for _ in range(2)]
    found |= net.parameters()
    return found | {"last": net.forward(X[0])}


def same(got: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert list(got) == list(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name], value, rtol=5e-3, atol=5e-4, err_msg=name)


@pytest.mark.parametrize(("at", "kept"), [(7, 256), (71, 5), (131, 256), (222, 4)])
def test_lost_at_any_call(
    gpu: Callable[[int | None], Breaker], at: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loom_py.executors.failover.MOST_LOGGED", kept)
    breaker, net = gpu(at), network("webgpu")
    breaker.arm()
    got = work(net)
    assert breaker.executor.host.lost and net.device == "numpy"
    assert net.device_reason == "webgpu had to be left"
    same(got, work(network("numpy")))


def test_lost_at_rest(gpu: Callable[[int | None], Breaker], tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Weights, optimizer state and all counts are there; a checkpoint taken then goes on like one taken before."""
    breaker, nets = gpu(None), [network("webgpu"), network("numpy")]
    trainers = [net.fit_trainer(X, Y, PLAIN) for net in nets]
    runs = [trainer.run() for trainer in trainers]
    for run in runs:
        while next(run).type != "batch_end":
            pass
        run.close()
    breaker.destroy()
    nets[0].save_checkpoint(tmp_path / "saved", trainers[0])
    assert "webgpu was lost" in caplog.text
    nets[0].set_layer(0, 0, 1, nn.LayerNorm(7))
    assert nets[0].forward(X).shape == (24, 5, 4)
    other = network("numpy")
    resumed = other.fit_trainer(X, Y, PLAIN)
    other.load_checkpoint(tmp_path / "saved", resumed)
    for run in (resumed.run(), trainers[1].run()):
        for _ in run:
            pass
    same(other.parameters(), nets[1].parameters())
    with pytest.raises(nn.UnavailableError, match="was lost"):
        nets[0].to("webgpu")
    assert not nets[0].has_method("ForwardGPU")


def test_lost_before_it_was_ever_used(gpu: Callable[[int | None], Breaker]) -> None:
    breaker = gpu(None)
    net = nn.Network((5, 6), seed=3)
    net.to("webgpu")
    breaker.destroy()
    net.set_layer(0, 0, 0, nn.Dense(6, 4))
    assert net.forward(X).shape == (24, 5, 4)
    assert net.device == "numpy"


def test_a_forward_pass_that_went_with_its_device_is_asked_for_again(
    gpu: Callable[[int | None], Breaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loom_py.executors.failover.MOST_LOGGED", 2)
    breaker, net = gpu(None), network("webgpu")
    output = net.forward_cpu(X).output
    net.fit(X, Y, PLAIN)
    breaker.destroy()
    with pytest.raises(nn.StateError, match="run it again"):
        net.backward_cpu(output)


@pytest.mark.parametrize("how", ["training", "tweening"])
def test_a_step_that_has_no_room_goes_on_with_the_processor(gpu: Callable[[int | None], Breaker], how: str) -> None:
    breaker, events = gpu(None), list[nn.TrainingEvent]()

    def full(nbytes: int) -> Any:
        raise nn.UnavailableError("full")

    class Filler(nn.Observer):
        def on_training_event(self, event: nn.TrainingEvent) -> None:
            events.append(event)
            if event.type == "batch_end" and event.step == 2:
                breaker.executor.heap.take = full  # type: ignore[method-assign]

    nets = [network("webgpu"), network("numpy")]
    nets[0].add_observer(Filler())
    for net in nets:
        if how == "training":
            net.fit(X, Y, PLAIN)  # the validation has a Program of its own
        else:
            nn.TweenTrainer(net).fit(X, Y, epochs=1, batch_size=9)  # as has a last batch that is smaller
    assert nets[0].device == "numpy"
    (told,) = [e.text for e in events if e.type == "anomaly"]
    steps = 3 if how == "training" else 2
    assert told == f"webgpu can't do it (full); numpy takes over after {steps} steps"
    same(nets[0].parameters(), nets[1].parameters())
