"""Gain of each pass over Programs: steps with none, with each alone, and with all, which take turns."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
from _models import MODELS, Model, batch_of

from loom_py import Activation, BatchNorm, Conv2D, Dense, Flatten, MaxPool2D
from loom_py.executors.webgpu.build import Builder
from loom_py.program import Program, Recorder
from loom_py.program.passes import PASSES, Pass

SETTINGS: dict[str, tuple[Pass, ...]] = {
    "none": (),
    **({p.__name__: (p,) for p in PASSES} if len(PASSES) > 1 else {}),
    "all": PASSES,
    "none again": (),
}
# Convolutions with norms: the model with the most elementwise work.
NORMED = [
    Conv2D(1, 16, 3, padding=1, bias=False), BatchNorm(16), Activation("silu"), MaxPool2D(2),
    Conv2D(16, 32, 3, padding=1, bias=False), BatchNorm(32), Activation("silu"), MaxPool2D(2),
    Flatten(), Dense(128, 10),
]  # fmt: skip
MODELS["cnn-norms"] = Model((1, 8, 8), NORMED, 128, 10, 0.05)
ROUNDS, BLOCK_S = 60, 0.03
WARM, EPOCH, ENDLESS = 10, 100, 1_000_000


def dispatches(program: Program) -> int:
    """Number of dispatches that a GPU would get for one run."""
    offsets, end = dict[str, int](), 0
    for area, nbytes in program.sizes.items():
        offsets[area] = end
        end += -(-nbytes // 256) * 256
    return len(Builder(program, offsets, lambda nbytes: end, lambda array: end).build().plan.dispatches)


def prepared(name: str, passes: tuple[Pass, ...], digits: bytes) -> tuple[Callable[[int], None], Program, Program]:
    """A function that makes a number of steps of a running training, the Program of a step, and that of inference."""
    model, batch = MODELS[name], batch_of(name, digits)
    before, Recorder.passes = Recorder.passes, passes
    try:
        net = model.network("wasm")
        net.train([batch] * WARM, model.config)
        net.forward(batch.input)
    finally:
        Recorder.passes = before
    step, inference = (
        next(r for key, r in net.engine._ready.items() if isinstance(key, tuple) and key[0] == kind).loaded.program
        for kind in ("step", "inference")
    )
    events = net.trainer([batch] * EPOCH, replace(model.config, epochs=ENDLESS)).run()

    def steps(count: int) -> None:
        made = 0
        for event in events:
            made += event.type == "batch_end"
            if made == count:
                return

    return steps, step, inference


def measure(name: str, digits: bytes) -> str:
    """Milliseconds of a step by setting, in blocks that take turns, each round in another order, as JSON."""
    made = {setting: prepared(name, passes, digits) for setting, passes in SETTINGS.items()}
    steps, *_ = made["none"]
    began = perf_counter()
    steps(WARM)
    count = max(1, round(BLOCK_S * WARM / (perf_counter() - began)))
    times: dict[str, list[float]] = {setting: [] for setting in made}
    order = np.random.default_rng(0)
    for _ in range(ROUNDS):
        for setting in order.permutation(list(made)):
            began = perf_counter()
            made[setting][0](count)
            times[setting].append((perf_counter() - began) / count * 1e3)
    rows = [
        {
            "case": name, "system": setting, "runs": ROUNDS,
            "median_ms": statistics.median(taken), "min_ms": min(taken),
            "instructions": len(program.instructions), "dispatches": dispatches(program),
            "arena_kib": program.sizes["arena"] // 1024, "inference_dispatches": dispatches(inference),
        }
        for (setting, (_, program, inference)), taken in zip(made.items(), times.values(), strict=True)
    ]  # fmt: skip
    return json.dumps(rows)
