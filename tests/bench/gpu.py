"""A graphics card through wgpu: matrix products and steps of a transformer, against PyTorch if it has the same card.

npm run bench -- gpu [--peak TFLOPS] [--sweep] [--tiny] [--json FILE]
PYTHONPATH=. python tests/bench/gpu.py …      (any CPython with NumPy and wgpu, and PyTorch where there is one)

--peak: the card's fp32 peak, for throughput as a share of it. --sweep: all variants of the products. --tiny: small
numbers, also on a software renderer, as a check that everything runs; without throughput.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _card import Pace, Taken, forced, matmul, times_of, variants_of
from _ours import STEPS, block, start_training

from loom_py.errors import UnavailableError
from loom_py.executors.webgpu import WebGPUExecutor
from loom_py.executors.webgpu.find import find_executor
from tests.vulkan import provide

OURS, THEIRS = "loom-wgpu", "torch-cuda"
SIZES, TINY = (1024, 2048, 4095, 4096, 8192), (64, 65)
PACE, TINY_PACE = Pace(0.3, 7), Pace(0.0, 2)
WATCHED = ("observe-off", "observe-default", "observe-full")
TOLERANCE = 1e-3
DIGITS = Path(__file__).resolve().parents[2] / "web" / "demo" / "public" / "digits.bin"
Row = dict[str, Any]


def torch_on_card() -> Any:
    """PyTorch with CUDA and without TF32; None where there is none."""
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return torch


def their_matmul(torch: Any, n: int) -> Callable[[int], None]:
    a, b = (torch.rand(n, n, device="cuda") - 0.5 for _ in "ab")
    out = torch.empty(n, n, device="cuda")

    def run(count: int) -> None:
        for _ in range(count):
            torch.matmul(a, b, out=out)
        torch.cuda.synchronize()

    return run


class Bench:
    """Measurements of one card, as rows."""

    def __init__(self, executor: WebGPUExecutor, torch: Any, options: argparse.Namespace) -> None:
        self.executor, self.torch, self.options = executor, torch, options
        self.pace = TINY_PACE if options.tiny else PACE
        self.rows: list[Row] = []

    def add(self, case: str, system: str, taken: Taken, n: int = 0, each: int = 1) -> Row:
        """Record and print the time of `each` products of `n`, or of a step."""
        row: Row = {"case": case, "system": system, "adapter": self.executor.host.adapter.name}
        row |= {"median_ms": taken.median_ms / each, "min_ms": taken.min_ms / each, "runs": taken.runs * each}
        text = f"{row['median_ms']:10.3f} ms {row['min_ms']:10.3f} ms"
        if self.executor.software:
            text = "ran"
        elif n:
            row["gflops"] = 2 * n**3 / row["min_ms"] / 1e6
            text += f"{row['gflops']:10.0f} GFLOP/s"
            if self.options.peak:
                row["share_of_peak"] = row["gflops"] / self.options.peak / 1e3
                text += f"{row['share_of_peak']:8.1%} of peak"
        print(f"  {case:<36}{system:<14}{text}", flush=True)
        self.rows.append(row)
        return row

    def products(self, n: int) -> None:
        """One size, ours and theirs."""
        each, run = matmul(self.executor, n)
        runs = {OURS: run}
        if self.torch is not None:
            runs[THEIRS] = their_matmul(self.torch, n)
        taken = times_of(runs, self.pace)
        ours = self.add(f"matmul-{n}", OURS, taken[OURS], n, each)
        if THEIRS in taken:
            theirs = self.add(f"matmul-{n}", THEIRS, taken[THEIRS], n)
            ours["share_of_torch"] = theirs["min_ms"] / ours["min_ms"]
            print(f"  {'':<50}{ours['share_of_torch']:.1%} of PyTorch's")

    def sweep(self, n: int) -> None:
        """One size, every variant."""
        for name, variant in variants_of(n).items():
            with forced(self.executor, variant):
                each, run = matmul(self.executor, n)
            self.add(f"sweep-{n}", name, times_of({name: run}, self.pace)[name], n, each)

    def training(self, model: str) -> None:
        """Steps of a model with and without an observer; without one also PyTorch's, whose losses must be the same."""
        digits = DIGITS.read_bytes()
        losses = {case: start_training(case, OURS, digits, model) for case in WATCHED}
        runs: dict[str, Callable[[int], None]] = {case: _steps(case) for case in WATCHED}
        if self.torch is not None:
            losses[THEIRS], runs[THEIRS] = self._their_steps(model, digits)
        wanted = losses[WATCHED[0]]
        for name, found in losses.items():
            error = max(abs(a / b - 1) for a, b in zip(found, wanted, strict=True))
            if not error <= TOLERANCE:
                raise ArithmeticError(f"{model}: losses of {name} differ by {error:.1e}, allowed {TOLERANCE}")
        taken = times_of(runs, self.pace)
        off = taken[WATCHED[0]]
        for case in WATCHED:
            row = self.add(f"{model}, {case}", OURS, taken[case])
            row["cost"] = taken[case].median_ms / off.median_ms - 1
            if case != WATCHED[0] and not self.executor.software:
                print(f"  {'':<50}{row['cost']:+.1%}")
        if THEIRS in taken:
            row = self.add(f"{model}, {WATCHED[0]}", THEIRS, taken[THEIRS])
            print(f"  {'':<50}{row['median_ms'] / off.median_ms:.2f} × ours")

    def _their_steps(self, model: str, digits: bytes) -> tuple[list[float], Callable[[int], None]]:
        from _torch import sent_step_of

        step = sent_step_of(model, digits, "cuda")

        def run(count: int) -> None:
            for _ in range(count):
                step()
            self.torch.cuda.synchronize()

        return [step().item() for _ in range(STEPS)], run


def _steps(case: str) -> Callable[[int], None]:
    def run(count: int) -> None:
        block(case, OURS, count)

    return run


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peak", type=float, metavar="TFLOPS")
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.tiny:
        provide()
    rows: list[Row] = []
    try:
        executor = find_executor()
    except UnavailableError as error:
        print(f"  skipped: {error}")
    else:
        name = executor.host.adapter.name
        if executor.software and not options.tiny:
            print(f"  skipped: {name} is a software renderer, whose throughput means nothing; do: --tiny to try")
        else:
            rows = measure(executor, options)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


def measure(executor: WebGPUExecutor, options: argparse.Namespace) -> list[Row]:
    """All requested measurements, without those that need more memory than the card has."""
    torch, adapter = torch_on_card(), executor.host.adapter
    print(f"  adapter {adapter.name}, features {', '.join(sorted(adapter.features)) or 'none'}")
    print(f"  PyTorch {torch.__version__} on {torch.cuda.get_device_name()}" if torch else "  no PyTorch with CUDA")
    bench = Bench(executor, torch, options)
    model = "transformer-tiny" if options.tiny else "transformer-512"
    parts: list[Callable[[], None]] = []
    for n in TINY if options.tiny else SIZES:
        parts.append(partial(bench.products, n))
        if options.sweep:
            parts.append(partial(bench.sweep, n))
    for part in [*parts, partial(bench.training, model)]:
        try:
            part()
        except UnavailableError as error:
            print(f"  left out: {error}")
    return bench.rows


if __name__ == "__main__":
    sys.exit(main())
