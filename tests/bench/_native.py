"""Training steps on CPython: ours on NumPy against PyTorch, one thread each, taking turns.

python tests/bench/_native.py CASE …      rows of results as JSON after the word RESULT
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch
from _models import MODELS
from _ours import STEPS, block, start_training
from _torch import step_of

ROUNDS = 100
BLOCK_S = 0.005
TOLERANCE = 1e-3
DIGITS = Path(__file__).resolve().parents[2] / "web" / "demo" / "public" / "digits.bin"
OURS, THEIRS = "loom-native-numpy", "torch-cpu"


def timed(step: Callable[[], float], count: int) -> float:
    began = perf_counter()
    for _ in range(count):
        step()
    return (perf_counter() - began) / count * 1e3


def measure(name: str) -> list[dict[str, object]]:
    digits = DIGITS.read_bytes()
    step = step_of(name, digits)
    losses = {OURS: start_training(name, OURS, digits), THEIRS: [step() for _ in range(STEPS)]}
    error = max(abs(a / b - 1) for a, b in zip(*losses.values(), strict=True))
    if not error <= TOLERANCE:
        return [{"case": name, "system": OURS, "failure": f"differs from PyTorch by {error:.1e}, allowed {TOLERANCE}"}]
    runs: dict[str, Callable[[int], float]] = {
        OURS: lambda count: block(name, OURS, count),
        THEIRS: lambda count: timed(step, count),
    }
    counts = {system: max(1, round(BLOCK_S * 1e3 / min(run(2) for _ in range(3)))) for system, run in runs.items()}
    times: dict[str, list[float]] = {system: [] for system in runs}
    for _ in range(ROUNDS):
        for system, run in runs.items():
            times[system].append(run(counts[system]))
    return [
        {
            "case": name, "system": system, "median_ms": statistics.median(taken), "min_ms": min(taken),
            "runs": len(taken) * counts[system], "loss": losses[system][-1],
        }
        for system, taken in times.items()
    ]  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    print("RESULT" + json.dumps([row for name in sys.argv[1:] if name in MODELS for row in measure(name)]))
