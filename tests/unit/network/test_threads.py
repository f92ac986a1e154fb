"""One network in several threads: every answer is that of a call alone; a second run is refused in words."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import loom_py as nn
from tests.ops import machines

pytestmark = pytest.mark.cpython
THREADS = 4
RNG = np.random.default_rng(2)
X = [RNG.standard_normal((32, 16)).astype(np.float32) for _ in range(THREADS)]
Y = np.arange(32) % 4


def network(executor: Any = None) -> nn.Network:
    net = nn.Network.of(16, [nn.Dense(16, 128, "relu"), nn.Dense(128, 4)], seed=0)
    if executor is not None:
        net.use_executor(executor)
    return net


def together(work: Callable[[int], Any]) -> list[Any]:
    """Results of `work(0)`, `work(1)`, … in threads that begin at the same moment."""
    start = threading.Barrier(THREADS)

    def begin(number: int) -> Any:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


EXECUTORS = [None, machines.wasm()[1], *([found[1]] if (found := machines.webgpu()) else [])]


@pytest.mark.parametrize("executor", EXECUTORS, ids=lambda executor: getattr(executor, "name", "auto"))
def test_calls_of_one_network_do_not_mix(executor: Any) -> None:
    net = network(executor)
    ways: list[Callable[[int], Any]] = [
        lambda i: net.forward(X[i]),
        lambda i: net.forward_cpu(X[i]).output,
        lambda i: np.float64(net.evaluate(X[i], Y).loss),
    ]
    alone = [[way(i) for way in ways] for i in range(THREADS)]

    def work(i: int) -> int:
        return sum(not np.array_equal(way(i), alone[i][k]) for _ in range(10) for k, way in enumerate(ways))

    assert together(work) == [0] * THREADS


def test_answers_beside_training_are_those_of_whole_steps() -> None:
    """Weights that another thread sees are those between two steps."""
    net, seen = nn.Network.of(1, [nn.Dense(1, 2)], seed=0), []
    net.set_parameters({"0.weight": [[1.0, 1.0]], "0.bias": [0.0, 0.0]})
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(net.parameters()["0.weight"][0])

    watcher = threading.Thread(target=look)
    watcher.start()
    net.fit(np.ones((64, 1)), np.ones((64, 2)) * 3, nn.TrainingConfig(loss="mse", epochs=5, batch_size=4))
    done.set()
    watcher.join()
    assert seen and all(one == other for one, other in seen)


def test_a_second_run_is_refused_in_words() -> None:
    net = network()
    running, refused = threading.Event(), threading.Event()

    class Hold(nn.Observer):
        def on_training_event(self, event: nn.TrainingEvent) -> None:
            if event.type == "epoch_start":
                running.set()
                refused.wait(10)

    net.add_observer(Hold())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(net.fit, X[0], Y)
        assert running.wait(10)
        batch = nn.Batch(X[0], Y)
        for second in (lambda: net.fit(X[0], Y), lambda: net.train([batch]), lambda: nn.TweenTrainer(net).fit(X[0], Y)):
            with pytest.raises(nn.StateError, match=r"one run of a network at a time.*copy\.deepcopy"):
                second()
        assert net.forward(X[0]).shape == (32, 4)
        refused.set()
        assert first.result().stopped_because == "finished"
    assert net.fit(X[0], Y).stopped_because == "finished"


def test_a_run_that_was_left_gives_its_place_up() -> None:
    net = network()
    run = net.fit_trainer(X[0], Y).run()
    next(run)
    with pytest.raises(nn.StateError):
        net.fit(X[0], Y)
    run.close()
    assert net.fit(X[0], Y).steps == 1


def test_observers_and_awaited_calls_reach_the_network_that_calls_them() -> None:
    net, shapes = network(), []

    class Asking(nn.Observer):
        def on_layer_forward(self, layer_idx: int, stats: nn.LayerStats) -> None:
            net.set_observer(None)
            shapes.append(net.forward(X[0]).shape)

    async def both() -> None:
        await asyncio.gather(nn.awaited(net.fit, X[0], Y), nn.awaited(net.forward, X[1]))

    net.add_observer(Asking())
    asyncio.run(both())
    assert set(shapes) == {(32, 4)}
