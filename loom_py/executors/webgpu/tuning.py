"""Tuning of matrix products: the fastest variant on this device, measured once a shape and cached."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

from loom_py.errors import UnavailableError
from loom_py.executors.webgpu.heap import Heap
from loom_py.executors.webgpu.host import Host
from loom_py.executors.webgpu.lower.matmul_variants import (
    CUTS,
    LEAST_SHARE,
    MOST_PARTS,
    UNSHARED,
    VARIANTS,
    Product,
    Variant,
    expected,
    plainest,
)
from loom_py.executors.webgpu.lower.matmul_variants import choose as by_rule
from loom_py.executors.webgpu.plan import Dispatch, Plan, plan_rows

LEAST_WORK = 1 << 24
"""Multiplications below which the rule is good enough: less than 2 µs on a large GPU."""
REPEATS = 20
BUDGET_S = 2.0
"""Seconds for all measurements; further shapes go by the rule."""
MOST_TRIED = 4


class Tuner:
    """Chooses variants for one device.

    Args:
        host, heap: the device and its memory.
        path: cache file; None caches in memory only.
        least_work: multiplications from which a product is measured.
    """

    def __init__(self, host: Host, heap: Heap, path: Path | None = None, least_work: int = LEAST_WORK) -> None:
        self._host, self._heap, self._path, self._least = host, heap, path, least_work
        self._known = _read(path)
        self._left_s = BUDGET_S

    def choose(self, product: Product, make: Callable[[Variant, int], list[Dispatch]]) -> Variant:
        """The variant for a product.

        Args:
            product: its shape.
            make: returns the dispatches of a variant that writes its result at a word of the heap.
        """
        rule = by_rule(product)
        if product.work < self._least or not rule.side:
            return rule
        name = self._known.get(str(product))
        if name is None:
            if self._left_s <= 0:
                return rule
            try:
                name = self._measure(product, rule, make)
            except UnavailableError:
                return rule  # no memory for a measurement
        return _named(name) or rule

    def _measure(self, product: Product, rule: Variant, make: Callable[[Variant, int], list[Dispatch]]) -> str:
        began = perf_counter()
        region = self._heap.take(4 * product.numbers)
        times = {_name(v): self._time(make(v, region.offset // 4), region.offset) for v in _candidates(product, rule)}
        best = min(times, key=lambda name: times[name])
        self._known[str(product)] = best
        self._left_s -= perf_counter() - began
        _write(self._path, self._known)
        return best

    def _time(self, dispatches: Sequence[Dispatch], offset: int) -> float:
        """Seconds of one repetition of many in a run; the first run, which compiles, does not count."""
        kernels, rows, params = plan_rows(list(dispatches) * REPEATS)
        none = np.zeros((0, 3), np.uint32)
        report = np.array([(offset, 4)], np.uint32)
        plan = Plan(kernels, rows, params, none, report, np.array([(0, len(rows))], np.uint32))
        number, staged = self._host.load(plan), np.zeros(0, np.uint8)
        try:
            best = float("inf")
            for attempt in range(3):
                began = perf_counter()
                self._host.wait(self._host.run(number, 0, len(rows), staged, 0, False))
                best = min(best, perf_counter() - began if attempt else best)
            return best / REPEATS
        finally:
            self._host.unload(number)


def cache_path(adapter: str) -> Path:
    """Path of the cache file of an adapter."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "loom_py" / f"matmul {re.sub(r'[^A-Za-z0-9]+', ' ', adapter).strip()}.json"


def _candidates(product: Product, rule: Variant) -> list[Variant]:
    """The rule's variant and the next best by its estimate, each with its best number of shares."""
    cuts = [s for s in CUTS if s == 1 or (product.k >= s * LEAST_SHARE and s * product.numbers <= MOST_PARTS)]
    usual = [replace(v, shares=s) for v in VARIANTS.values() if v.side and v.kernel not in UNSHARED for s in cuts]
    by_expectation = sorted(usual, key=lambda v: expected(v, product))
    others = [*by_expectation[:MOST_TRIED], plainest(product)]  # some devices have good caches
    return [rule, *(v for n, v in enumerate(others) if v not in (rule, *others[:n]))]


def _name(variant: Variant) -> str:
    name = next(n for n, v in VARIANTS.items() if replace(variant, shares=v.shares) == v)
    return f"{name}/{variant.shares}"


def _named(name: str) -> Variant | None:
    """The variant of a name; None when this version has no such variant."""
    kind, _, shares = name.partition("/")
    known = VARIANTS.get(kind)
    return replace(known, shares=int(shares)) if known and shares.isdecimal() and int(shares) in CUTS else None


def _read(path: Path | None) -> dict[str, str]:
    try:
        found = json.loads(path.read_text()) if path else {}
    except (OSError, ValueError):
        return {}  # no cache yet, or an unreadable one: measure again
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _write(path: Path | None, known: dict[str, str]) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(known, indent=1))
    except OSError:
        return  # no cache: measured again next time
