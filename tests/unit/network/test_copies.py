"""Copies of networks: independent ones that train, by copy and by pickle; other objects are copied or say no."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loom_py as nn
from tests.ops import machines

RNG = np.random.default_rng(6)
X = RNG.standard_normal((24, 4)).astype(np.float32)
Y = np.arange(24) % 3
CONFIG = nn.TrainingConfig(epochs=2, batch_size=8, optimizer="adam", learning_rate=0.05)


def pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


WAYS = pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickled])


def network() -> nn.Network:
    return nn.Network.of(4, [nn.Dense(4, 8, "tanh"), nn.BatchNorm(8), nn.Dropout(0.3), nn.Dense(8, 3)], seed=2)


def fresh(net: nn.Network) -> None:
    pass


def run(net: nn.Network) -> None:
    net.fit(X, Y, CONFIG)
    net.forward(X)


def observed(net: nn.Network) -> None:
    net.add_observer(nn.RecordingObserver())
    run(net)


def by_hand(net: nn.Network) -> None:
    net.forward_cpu(X, training=True)


def tweened(net: nn.Network) -> None:
    nn.TweenTrainer(net).fit(X, Y)


HELD: list[Iterator[nn.TrainingEvent]] = []


@pytest.fixture(autouse=True)
def runs_end() -> Iterator[None]:
    yield
    HELD.clear()


def in_a_run(net: nn.Network) -> None:
    HELD.append(net.fit_trainer(X, Y, CONFIG).run())
    for _ in range(6):
        next(HELD[-1])


@WAYS
@pytest.mark.parametrize("used", [fresh, run, observed, by_hand, tweened, in_a_run])
def test_a_copy_is_what_its_bytes_load(used: Callable[[nn.Network], None], way: Callable[[Any], Any]) -> None:
    net = network()
    used(net)
    before = net.parameters()
    twin, sure = way(net), nn.load_model(net.model_bytes())
    assert twin.dispatcher.observers == []
    assert twin.fit(X, Y, CONFIG).loss_history == sure.fit(X, Y, CONFIG).loss_history
    for name, value in sure.parameters().items():
        np.testing.assert_array_equal(twin.parameters()[name], value)
    np.testing.assert_array_equal(twin.forward(X), sure.forward(X))
    twin.set_parameters({name: np.zeros_like(value) for name, value in before.items()})
    assert not twin.forward(X).any()
    assert all(np.array_equal(value, before[name]) for name, value in net.parameters().items())


@pytest.mark.skipif(machines.webgpu() is None, reason="no driver of a GPU")
def test_a_copy_from_the_gpu_has_the_steps_in_flight() -> None:
    gpu = machines.webgpu()
    assert gpu is not None
    net = nn.Network.of(4, [nn.Dense(4, 3)], seed=2)
    net.use_executor(gpu[1])
    in_a_run(net)
    twin = copy.deepcopy(net)
    assert net.engine.steps > 1 and twin.device != "webgpu"
    for name, value in net.parameters().items():
        np.testing.assert_array_equal(twin.parameters()[name], value)
    assert twin.fit(X, Y, CONFIG).loss_history == nn.load_model(net.model_bytes()).fit(X, Y, CONFIG).loss_history


@WAYS
def test_class_id_and_added_attributes_are_copied(way: Callable[[Any], Any]) -> None:
    net = Named.of(4, [nn.Dense(4, 3)], seed=1)
    net.model_id, net.note = "mine", ["a"]
    twin = way(net)
    assert (type(twin), twin.model_id, twin.note) == (Named, "mine", ["a"])
    assert (twin.note is net.note) == (way is copy.copy)


class Named(nn.Network):
    """A network with an attribute of its own."""

    note: list[str]


def test_networks_inside_other_things_are_copied_with_them() -> None:
    trainer = nn.TweenTrainer(network())
    twin = copy.deepcopy(trainer)
    assert twin.net is not trainer.net
    twin.step(X, Y)
    assert len(trainer.get_history()) == 0 and len(twin.get_history()) == 1
    nets = [network()] * 2
    one, other = pickled(nets)
    assert one is other


def test_a_recording_is_copied() -> None:
    net, recording = network(), nn.RecordingObserver()
    net.add_observer(recording)
    net.fit(X, Y, CONFIG)
    for way in (copy.deepcopy, pickled):
        assert way(recording).to_text() == recording.to_text()


@pytest.mark.cpython
@WAYS
def test_what_holds_threads_files_or_runs_says_no(way: Callable[[Any], Any], tmp_path: Path) -> None:
    held = [
        nn.HTTPObserver("http://127.0.0.1:9/"), nn.OTLPObserver("http://127.0.0.1:9/"), nn.ChannelObserver(),
        nn.TensorBoardObserver(tmp_path), network().fit_trainer(X, Y),
    ]  # fmt: skip
    for thing in held:
        with pytest.raises(nn.UnavailableError, match=f"copy of a {type(thing).__name__}: expected plain data, got"):
            way(thing)
        if hasattr(thing, "close"):
            thing.close()
