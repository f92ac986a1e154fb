"""Our side of the bench, in Pyodide and on CPython: prepare an entry (a case run by a system), run it in blocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import numpy as np
from _models import MODELS, batch_of
from numpy.typing import NDArray

from loom_py import CanvasObserver, Observer, TrainingEvent, ops
from loom_py.executors.choose import executor_for
from loom_py.program import Recorder

STEPS = 10
EPOCH, ENDLESS = 100, 1_000_000
Run = Callable[[int], object]
runs: dict[str, Run] = {}
"""What `block` runs, by "case system"."""
uncovered: dict[str, list[str]] = {}
"""Verbs that NumPy runs inside a Program of the WASM executor, by case."""


class Losses(Observer):
    """Collects the loss of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []

    def on_training_event(self, event: TrainingEvent) -> None:
        if event.type == "batch_end" and event.loss is not None:
            self.values.append(event.loss)


class Everything(Observer):
    """Requests all statistics and histograms of every layer at every step, and keeps nothing."""

    def __init__(self) -> None:
        super().__init__(histograms=True)

    def on_layer_forward(self, layer_idx: int, stats: object) -> None:
        pass

    def on_layer_backward(self, layer_idx: int, stats: object) -> None:
        pass


# The default is how the demo's page attaches its dashboard.
WATCHED: dict[str, Callable[[], Observer] | None] = {
    "observe-off": None,
    "observe-default": lambda: CanvasObserver(lambda message: None, every=4),
    "observe-full": lambda: CanvasObserver(lambda message: None),
    "observe-histograms": Everything,
}
WATCHED_MODEL = "mlp-128"


def device_of(system: str) -> str:
    """The device that a system such as "loom-wasm" names; wgpu is how CPython reaches "webgpu"."""
    device = system.rpartition("-")[2]
    return "webgpu" if device == "wgpu" else device


def block(case: str, system: str, count: int) -> float:
    """Milliseconds of one run, the mean of `count`."""
    run = runs[f"{case} {system}"]
    began = perf_counter()
    run(count)
    return (perf_counter() - began) / count * 1e3


# matrix products ---------------------------------------------------------------------------------------------------


def factors(extents: tuple[int, int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two matrices M×K and K×N."""
    m, k, n = extents
    rng = np.random.default_rng(m + k + n)
    return rng.random((m, k), dtype=np.float32) - 0.5, rng.random((k, n), dtype=np.float32) - 0.5


def start_matmul(case: str, system: str, extents: tuple[int, int, int]) -> NDArray[np.float32]:
    """Prepare a product by NumPy alone or by a Program of one instruction; returns the result."""
    a, b = factors(extents)
    if system == "numpy-pyodide":
        out = np.empty((len(a), b.shape[1]), np.float32)

        def multiply(count: int) -> None:
            for _ in range(count):
                np.matmul(a, b, out=out)

        runs[f"{case} {system}"] = multiply
        multiply(1)
        return out
    recorder = Recorder()
    product = ops.matmul(recorder.input("a", a.shape), recorder.input("b", b.shape))
    recorder.output("product", product)
    executor = executor_for(device_of(system))
    loaded = executor.load(recorder.finish(), executor.allocate({}))
    loaded.write("a", a)
    loaded.write("b", b)

    def run(count: int) -> None:
        for _ in range(count):
            loaded.run()
        if executor.depth:
            loaded.read("product")  # waits for everything in flight

    runs[f"{case} {system}"] = run
    run(1)
    return loaded.read("product")


# training ----------------------------------------------------------------------------------------------------------


def start_training(case: str, system: str, digits: bytes, watched_model: str = WATCHED_MODEL) -> list[float]:
    """Prepare a model's steps; returns the losses of the first of them."""
    name = watched_model if case in WATCHED else case
    model, batch = MODELS[name], batch_of(name, digits)
    net, losses = model.network(device_of(system)), Losses()
    net.add_observer(losses)
    net.train([batch] * STEPS, model.config)
    net.remove_observer(losses)
    make = WATCHED.get(case)
    if make is not None:
        net.add_observer(make())

    # One long run, driven step by step as in a page: data are checked once, at its start.
    trainer = net.trainer([batch] * EPOCH, replace(model.config, epochs=ENDLESS))
    events = trainer.run()

    def run(count: int) -> None:
        made = 0
        for event in events:
            made += event.type == "batch_end"
            if made == count:
                trainer._drain()  # steps still in flight on a GPU belong to this block
                return
        raise RuntimeError(f"{case} {system}: expected {count} steps, made {made}; the loss is no longer finite")

    runs[f"{case} {system}"] = run
    run(1)
    left = {v for ready in net.engine._ready.values() for v in getattr(ready.loaded, "uncovered", ())}
    if left:
        uncovered[case] = sorted(left)
    return losses.values


class Material(NamedTuple):
    """Inputs of the peers: initial parameters, the batch, the number of classes and the learning rate."""

    paths: list[str]
    arrays: list[NDArray[np.float32]]
    x: NDArray[np.float32]
    y: NDArray[np.int32]
    classes: int
    rate: float


def material(name: str, digits: bytes) -> Material:
    """What the peers need for a model."""
    model, batch = MODELS[name], batch_of(name, digits)
    start = model.network("numpy").parameters()
    x, y = np.asarray(batch.input), np.asarray(batch.target)
    return Material(list(start), list(start.values()), x, y, model.classes, model.rate)


def uncovered_text() -> str:
    """Verbs that NumPy runs inside the WASM executor's Programs, by case."""
    return json.dumps(uncovered)
