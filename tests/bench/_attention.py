"""Attention with all scores kept and without: milliseconds and bytes, by the number of positions."""

from __future__ import annotations

import json
import statistics
from time import perf_counter

import numpy as np

from loom_py.executors.base import Executor
from loom_py.layers import attend as core
from loom_py.program import Program, Recorder

LENGTHS = (32, 64, 128, 256, 512, 1024)
HEADS, WIDTH = 4, 32
POSITIONS = 1024
"""Positions in a batch: the longer the sequences, the fewer of them."""
ROUNDS = 11


def program(batch: int, length: int, *, causal: bool, backward: bool, fused: bool) -> Program:
    """Attention alone, kept or fused regardless of the rule."""
    rule, core.fused = core.fused, lambda *_args, **_options: fused
    try:
        recorder, shape = Recorder(), (batch, HEADS, length, WIDTH)
        query, key, value = (recorder.input(name, shape) for name in ("query", "key", "value"))
        out, saved = core.attend(query, key, value, None, causal=causal)
        recorder.output("out", out)
        if backward:
            gradients = core.attend_gradient(saved, recorder.input("dout", shape))
            for name, gradient in zip(("dquery", "dkey", "dvalue"), gradients, strict=True):
                recorder.output(name, gradient)
        return recorder.finish()
    finally:
        core.fused = rule


def measure(executor: Executor) -> str:
    """Medians of kept and fused, which take turns, as JSON."""
    rows, rng = [], np.random.default_rng(0)
    for length in LENGTHS:
        for causal in (False, True):
            for backward in (False, True):
                batch = max(POSITIONS // length, 1)
                made = {}
                for fused in (False, True):
                    recorded = program(batch, length, causal=causal, backward=backward, fused=fused)
                    loaded = executor.load(recorded, executor.allocate({}))
                    for name in recorded.inputs:
                        loaded.write(name, rng.standard_normal((batch, HEADS, length, WIDTH)).astype(np.float32))
                    loaded.run()
                    made[fused] = loaded
                times: dict[bool, list[float]] = {False: [], True: []}
                for _ in range(ROUNDS):
                    for fused, loaded in made.items():
                        began = perf_counter()
                        loaded.run()
                        times[fused].append((perf_counter() - began) * 1e3)
                rows += [
                    {
                        "case": f"{length} {'causal' if causal else 'all'} {'training' if backward else 'forward'}",
                        "system": f"{executor.name} {'fused' if fused else 'kept'}", "runs": ROUNDS,
                        "median_ms": statistics.median(taken), "min_ms": min(taken),
                        "arena_kib": made[fused].program.sizes["arena"] // 1024,
                    }
                    for fused, taken in times.items()
                ]  # fmt: skip
    return json.dumps(rows)


if __name__ == "__main__":
    from loom_py.executors.numpy import NumpyExecutor

    print(measure(NumpyExecutor()))
