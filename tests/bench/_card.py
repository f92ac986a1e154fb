"""Measurements of a graphics card through wgpu: matrix products in all variants, and the clock that times them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loom_py import ops
from loom_py.executors.webgpu import WebGPUExecutor
from loom_py.executors.webgpu.loaded import GpuLoaded
from loom_py.executors.webgpu.lower.matmul_variants import CUTS, LEAST_SHARE, MOST_PARTS, VARIANTS, Product, Variant
from loom_py.program import Recorder

ROWS = 4
"""Number of rows of a product that are compared with NumPy's."""
TOLERANCE = 1e-5
"""Allowed difference relative to the largest value."""
ROOM = 1 << 29
"""Most bytes for the results of one run."""
MOST_AT_ONCE = 16
"""Products in one run: enough for Python's time not to matter."""


class Pace(NamedTuple):
    """Extent of a measurement: `rounds` of at least `seconds` each."""

    seconds: float
    rounds: int


class Taken(NamedTuple):
    """Milliseconds of one run."""

    median_ms: float
    min_ms: float
    runs: int


def times_of(runs: dict[str, Callable[[int], None]], pace: Pace) -> dict[str, Taken]:
    """Times of functions that make a given number of runs and wait for their end; they take turns."""
    counts = {name: _count(run, pace.seconds) for name, run in runs.items()}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(pace.rounds):
        for name, run in runs.items():
            taken[name].append(_seconds(run, counts[name]) / counts[name] * 1e3)
    return {name: Taken(statistics.median(t), min(t), len(t) * counts[name]) for name, t in taken.items()}


def _seconds(run: Callable[[int], None], count: int) -> float:
    began = perf_counter()
    run(count)
    return perf_counter() - began


def _count(run: Callable[[int], None], seconds: float) -> int:
    """Number of runs that take as long; the first, which may compile, is left out."""
    run(1)
    count = 1
    while (spent := _seconds(run, count)) < seconds:
        count = max(2 * count, min(8 * count, int(count * seconds / max(spent, 1e-6)) + 1))
    return count


def matmul(executor: WebGPUExecutor, n: int) -> tuple[int, Callable[[int], None]]:
    """How many products (n,n)·(n,n) a run makes, and what makes so many runs; one product was checked.

    Raises:
        ArithmeticError: it is not what NumPy gives.
    """
    each = max(1, min(MOST_AT_ONCE, ROOM // (4 * n * n)))
    recorder = Recorder()
    a, b = recorder.input("a", (n, n)), recorder.input("b", (n, n))
    for number in range(each):
        recorder.output(f"product{number}", ops.matmul(a, b))
    loaded = executor.load(recorder.finish(), executor.allocate({}))
    rng = np.random.default_rng(n)
    factors = {name: rng.random((n, n), dtype=np.float32) - np.float32(0.5) for name in "ab"}
    for name, value in factors.items():
        loaded.write(name, value)
    loaded.run()
    _check(loaded, factors["a"], factors["b"])

    def run(count: int) -> None:
        for _ in range(count):
            loaded.run()
        executor.host.read(0, 4)  # waits until the queue is empty

    return each, run


def _check(loaded: GpuLoaded, a: NDArray[np.float32], b: NDArray[np.float32]) -> None:
    rows = np.linspace(0, len(a) - 1, ROWS).astype(int)
    wanted = a[rows].astype(np.float64) @ b
    error = np.abs(loaded.read("product0")[rows] - wanted).max() / np.abs(wanted).max()
    if not error <= TOLERANCE:
        raise ArithmeticError(f"product of {len(a)}: differs from NumPy by {error:.1e}, allowed {TOLERANCE}")


def variants_of(n: int) -> dict[str, Variant]:
    """All ways to make a product (n,n)·(n,n), by name and number of shares."""
    whole = Product(n, n, n)
    cuts = [s for s in CUTS if s == 1 or (n >= s * LEAST_SHARE and s * whole.numbers <= MOST_PARTS)]
    return {f"{name}/{s}": replace(v, shares=s) for name, v in VARIANTS.items() if v.side for s in cuts}


@contextmanager
def forced(executor: WebGPUExecutor, variant: Variant) -> Iterator[None]:
    """Every product loaded inside uses this variant."""
    own = executor._choose
    executor._choose = lambda product, make: variant
    try:
        yield
    finally:
        executor._choose = own
