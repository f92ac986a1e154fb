"""Training steps on CPython through wgpu, timed in blocks that end when all steps of a block are done.

PYTHONPATH=. python tests/bench/_wgpu.py CASE …      {"adapter", "rows"} as JSON after the word RESULT
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from time import perf_counter

from _ours import block, start_training

from loom_py.executors.webgpu.find import find_executor
from tests.vulkan import provide

BLOCK_S, GROUP_S = 0.3, 10.0
LEAST, FEWEST, MOST = 6, 5, 15
TOLERANCE = 1e-3
DIGITS = Path(__file__).resolve().parents[2] / "web" / "demo" / "public" / "digits.bin"
REFERENCE, OURS = "loom-native-numpy", "loom-wgpu"


def measure(name: str) -> dict[str, object]:
    digits = DIGITS.read_bytes()
    wanted, found = (start_training(name, system, digits) for system in (REFERENCE, OURS))
    row: dict[str, object] = {"case": name, "system": OURS, "on": "webgpu", "loss": found[-1]}
    error = max(abs(a / b - 1) for a, b in zip(found, wanted, strict=True))
    if not error <= TOLERANCE:
        return {**row, "failure": f"differs from {REFERENCE} by {error:.1e}, allowed {TOLERANCE}", "absent": False}
    count = max(LEAST, round(BLOCK_S * 1e3 / block(name, OURS, LEAST)))
    times: list[float] = []
    end = perf_counter() + GROUP_S
    while len(times) < FEWEST or (len(times) < MOST and perf_counter() < end):
        times.append(block(name, OURS, count))
    return {**row, "median_ms": statistics.median(times), "min_ms": min(times), "runs": len(times)}


if __name__ == "__main__":
    provide()
    rows = [measure(name) for name in sys.argv[1:]]
    print("RESULT" + json.dumps({"adapter": find_executor().host.adapter.name, "rows": rows}))
