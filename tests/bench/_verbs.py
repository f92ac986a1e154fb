"""Time of a training step on the WASM executor, by instruction, each in its place in the step."""

from __future__ import annotations

import json
from dataclasses import replace
from time import perf_counter

from _models import MODELS, batch_of

from loom_py import Batch, Network, TrainingConfig
from loom_py.engine.inputs import Feed
from loom_py.executors.wasm.library import Library
from loom_py.executors.wasm.loaded import WasmLoaded
from loom_py.program import Instruction, Program

REPEATS = 100
TRIALS, STEPS = 7, 40
SHORT_S = 50e-6
AGAIN = 20
"""Times that an instruction shorter than SHORT_S runs in a row: the clock ticks in steps of microseconds."""


def _kept(times: list[float]) -> float:
    """Mean of the faster half in microseconds: the clock ticks coarsely, and the machine has other work."""
    half = sorted(times)[: max(1, len(times) // 2)]
    return sum(half) / len(half) * 1e6


def _shapes(program: Program, instruction: Instruction) -> str:
    """Outputs, then inputs."""
    buffers = [b for b in (*instruction.outputs, *instruction.inputs) if b is not None]
    return " ".join("×".join(map(str, program.buffers[b].spec.shape)) or "1" for b in buffers)


def _per_step(net: Network, batch: Batch, config: TrainingConfig) -> float:
    """Microseconds of a step of a running training: the minimum of TRIALS."""
    trainer = net.trainer([batch] * STEPS, replace(config, epochs=TRIALS))
    found, began = [], perf_counter()
    for event in trainer.run():
        if event.type == "epoch_end":
            found.append((perf_counter() - began) / STEPS)
            began = perf_counter()
    return min(found) * 1e6


def _python_share(net: Network, library: Library, batch: Batch, config: TrainingConfig) -> float:
    """Microseconds of a step whose kernels do nothing: events, options, copying the batch in and results out."""
    run = library._run
    library._run = lambda *_: None
    try:
        return _per_step(net, batch, config)
    finally:
        library._run = run


def profile(name: str, digits: bytes) -> str:
    """Microseconds of whole steps, of the Program in one call, and of each instruction with its share, as JSON."""
    model, batch = MODELS[name], batch_of(name, digits)
    net = model.network("wasm")
    net.train([batch] * 20, model.config)
    step = _per_step(net, batch, model.config)
    ready = next(r for key, r in net.engine._ready.items() if isinstance(key, tuple) and key[0] == "step")
    loaded = ready.loaded
    assert isinstance(loaded, WasmLoaded)
    python = _python_share(net, loaded._library, batch, model.config)
    whole, empty = [], []
    times: list[list[float]] = [[] for _ in loaded.program.instructions]
    feed = Feed(batch.input, batch.target)
    for _ in range(REPEATS):
        net.engine.write_feed(loaded, feed)
        began = perf_counter()
        loaded.run()
        whole.append(perf_counter() - began)
        began = perf_counter()
        for _ in range(AGAIN):
            loaded._library.run(loaded._address, 0, 0)
        empty.append((perf_counter() - began) / AGAIN)
        for number, taken in enumerate(times):
            begin, end = loaded._starts[number], loaded._starts[number + 1]
            again = AGAIN if taken and min(taken) < SHORT_S else 1
            began = perf_counter()
            for _ in range(again):
                if loaded._packed[number] is None:
                    loaded._interpret(number, False)
                else:
                    loaded._library.run(loaded._address, begin, end)
            taken.append((perf_counter() - began) / again)
    call = _kept(empty)
    program = loaded.program
    rows = [
        {
            "verb": i.verb.name,
            "phase": f"{program.spans[i.span].phase} {program.spans[i.span].path}",
            "shapes": _shapes(program, i),
            "us": max(0.0, _kept(taken[1:]) - call),
            "flops": program.cost(i),
            "covered": packed is not None,
        }
        for packed, i, taken in zip(loaded._packed, program.instructions, times, strict=True)
    ]
    return json.dumps({"step": step, "python": python, "program": _kept(whole), "call": call, "rows": rows})
