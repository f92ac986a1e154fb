"""Steps per second of an MLP, with and without observers; the same file runs on CPython and inside Pyodide.

`measure()` gives milliseconds per step by host-independent names. The variants take turns in short blocks, so that
a busy moment of the machine affects all of them; results are medians of the blocks.
"""

from __future__ import annotations

import json
import statistics
from itertools import pairwise
from time import perf_counter

import numpy as np

from loom_py import Batch, CanvasObserver, Dense, Network, Observer, RecordingObserver, TrainingConfig

BLOCKS = 9
RUNS = {
    "the demo's 64-64-32-10, batch 32, Adam": (
        (64, 64, 32, 10),
        32,
        TrainingConfig(learning_rate=0.003, optimizer="adam"),
    ),
    "784-256-128-10, batch 128, SGD": ((784, 256, 128, 10), 128, TrainingConfig(learning_rate=0.01)),
}
WATCHED = {
    "unwatched": None,
    "canvas, every 4th, as the demo": lambda: CanvasObserver(lambda message: None, every=4),
    "canvas, every step": lambda: CanvasObserver(lambda message: None, every=1),
    "recording, every step": lambda: RecordingObserver(),
}


def network(sizes: tuple[int, ...], observer: Observer | None) -> Network:
    hidden = [Dense(i, o, "relu") for i, o in pairwise(sizes[:-1])]
    net = Network.of(sizes[0], [*hidden, Dense(sizes[-2], sizes[-1])], seed=1)
    if observer is not None:
        net.add_observer(observer)
    return net


def batch_of(sizes: tuple[int, ...], count: int) -> Batch:
    rng = np.random.default_rng(0)
    x = rng.random((count, sizes[0]), dtype=np.float32)
    return Batch(x, rng.integers(0, sizes[-1], count))


def measure_run(sizes: tuple[int, ...], count: int, config: TrainingConfig) -> dict[str, float]:
    batch = batch_of(sizes, count)
    nets = {name: network(sizes, make() if make else None) for name, make in WATCHED.items()}
    began = perf_counter()
    nets["unwatched"].train([batch] * 20, config)
    # About a fifth of a second a block, whatever the host.
    steps = max(5, int(0.2 / ((perf_counter() - began) / 20)))
    taken: dict[str, list[float]] = {name: [] for name in nets}
    for block in range(BLOCKS + 1):
        for name, net in nets.items():
            began = perf_counter()
            net.train([batch] * steps, config)
            if block:  # The first compiles the Programs.
                taken[name].append((perf_counter() - began) / steps * 1e3)
    return {name: statistics.median(times) for name, times in taken.items()}


def measure() -> dict[str, dict[str, float]]:
    return {name: measure_run(*run) for name, run in RUNS.items()}


if __name__ == "__main__":
    print("RESULT" + json.dumps(measure()))
