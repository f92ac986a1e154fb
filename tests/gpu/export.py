"""Writes what web/gpu is tested with: the calls that a host gets for verbs and training, and what NumPy makes of them.

python -m tests.gpu.export FILE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import loom_py
from loom_py import ops
from loom_py.errors import UnavailableError
from loom_py.executors.webgpu import WebGPUExecutor
from loom_py.executors.webgpu.build import REPORTED_BYTES
from loom_py.executors.webgpu.heap import Heap
from loom_py.executors.webgpu.lower import LOWERINGS
from loom_py.executors.webgpu.lower.device_profile import DISCRETE_GPU, LANES, SOFTWARE_GPU, DeviceProfile
from loom_py.executors.webgpu.lower.matmul_variants import VARIANTS, Variant
from loom_py.executors.webgpu.native import native_host
from loom_py.executors.webgpu.plan import ENABLE
from loom_py.executors.webgpu.subgroups import LANE_GROUPS, reduction_works
from loom_py.ops import VERBS
from loom_py.shapes import AnyArray
from tests import vulkan
from tests.gpu.script import ScriptHost, encoded
from tests.ops import (
    cases_arithmetic,
    cases_attention,
    cases_networks,
    cases_tweening,
    cases_updates,
    cases_windows,
    suite,
)
from tests.ops.case import Call, calls

assert all(
    (cases_arithmetic, cases_attention, cases_networks, cases_tweening, cases_updates, cases_windows)
)  # they declare the cases
CALLS = 1
"""Of every verb: that the host does as it is asked. The page runs the same kernels on many more (the op suite)."""
STEPS = 3
"""Of every training run."""


class Expectations:
    """What must be found where: in the report of the last run, or by a read."""

    def __init__(self, host: ScriptHost, reads: int | None = None) -> None:
        """Of all reads, or of the last few."""
        self.found: list[dict[str, Any]] = []
        of = [n for n, step in enumerate(host.steps) if step["do"] == "read"]
        self._reads = iter(of if reads is None else of[-reads:])
        self._waits = [n for n, step in enumerate(host.steps) if step["do"] == "wait"]
        self._reported = 0

    def output(self, wanted: AnyArray) -> None:
        """The next output of the Program."""
        if 0 < wanted.nbytes <= REPORTED_BYTES:
            self.report(wanted)
        else:
            self.memory(wanted)

    def report(self, wanted: AnyArray) -> None:
        """The next array in the report."""
        self._add(self._waits[-1], self._reported, wanted)
        self._reported += wanted.nbytes

    def memory(self, wanted: AnyArray) -> None:
        """The next array that was read from memory."""
        if wanted.nbytes:
            self._add(next(self._reads), 0, wanted)

    def _add(self, step: int, at: int, wanted: AnyArray) -> None:
        # Float64 comes from the GPU as two float32 whose sum it is.
        values = encoded(np.asarray(wanted, np.float64).ravel())
        self.found.append({"step": step, "at": at, "dtype": wanted.dtype.name, "values": values})


def verb_case(
    name: str,
    number: int,
    call: Call,
    variant: Variant | None = None,
    *,
    subgroups: bool = False,
    profile: DeviceProfile = DISCRETE_GPU,
) -> tuple[dict[str, Any], ScriptHost] | None:
    """One call of a verb, for products by a variant of one's own choice; None when there is no kernel for it."""
    host = ScriptHost()
    chooser = None if variant is None else (lambda *_: lambda *_: variant)
    executor = WebGPUExecutor(host, chooser, profile)
    executor.subgroups = subgroups
    try:
        suite.executed(VERBS[name], call, executor)
    except UnavailableError:
        return None
    wanted = suite.eager(VERBS[name], call, np.float32)
    expected = Expectations(host)
    for output in wanted.outputs:
        expected.output(output)
    for place in VERBS[name].writes:
        after = wanted.inputs[place]
        if after is not None:
            expected.memory(after)
    title = f"{name} by subgroups {number}" if subgroups else f"{name} {number}"
    if variant is not None:
        title = f"{name} by {variant.kernel} {variant.side}/{variant.shares}"
    if profile != DISCRETE_GPU:
        title = f"{name} as on a processor {number}"
    return {"title": title, "steps": host.steps, "expected": expected.found}, host


def product_cases() -> Iterator[tuple[dict[str, Any], ScriptHost]]:
    """A product that fills no tile, by every variant, with K cut where the variant does that."""
    rng = np.random.default_rng(8)
    for name, variant in VARIANTS.items():
        m, k, n = (70, 44, 132) if name == "blocks" else (70, 45, 131)
        call = Call((rng.standard_normal((m, k)), rng.standard_normal((k, n)), rng.standard_normal(n)))
        if variant.side:
            case = verb_case("matmul", 0, call, replace(variant, shares=3))
            assert case is not None
            yield case


def attention_cases() -> Iterator[tuple[dict[str, Any], ScriptHost]]:
    """Attention that fills no tile, by tiles and by blocks, masked and causal."""
    rng = np.random.default_rng(9)
    arrays = [rng.standard_normal((2, 2, 70, 33)) for _ in range(4)]
    mask, attrs = rng.integers(0, 2, (2, 70)).astype(np.int32), {"temperature": 8.0, "causal": True}
    out, row_stats = ops.attention(*arrays[:3], mask, **attrs)
    calls = {"attention": (*arrays[:3], mask), "attention_gradient": (arrays[3], *arrays[:3], out, row_stats, mask)}
    for name, inputs in calls.items():
        for profile in (DISCRETE_GPU, SOFTWARE_GPU):
            case = verb_case(name, CALLS, Call(inputs, attrs), profile=profile)
            assert case is not None
            yield case


def reduction_case(*, subgroups: bool) -> tuple[dict[str, Any], ScriptHost]:
    """What an executor asks of a device before it uses subgroups, and the same of the tree."""
    host = ScriptHost()
    reduction_works(host, Heap(host), subgroups=subgroups)
    expected = Expectations(host)
    expected.report(np.full(LANES, LANE_GROUPS, np.uint32))
    return {
        "title": f"workgroup reduction{' by subgroups' if subgroups else ''}",
        "steps": host.steps,
        "expected": expected.found,
    }, host


NETWORKS: dict[str, tuple[tuple[int, ...], list[loom_py.Layer]]] = {
    "dense": (
        (6,),
        [loom_py.Dense(6, 16, activation="tanh"), loom_py.LayerNorm(16), loom_py.Dropout(0.25), loom_py.Dense(16, 3)],
    ),
    "convolutions": (
        (1, 8, 8),
        [
            loom_py.Conv2D(1, 4, 3, activation="relu"),
            loom_py.MaxPool2D(2),
            loom_py.Flatten(),
            loom_py.Dense(36, 3),
        ],
    ),
}


def training_case(name: str) -> tuple[dict[str, Any], ScriptHost]:
    """A few training steps, watched, and all parameters after them."""
    shape, layers = NETWORKS[name]
    rng = np.random.default_rng(5)
    x = rng.standard_normal((8, *shape)).astype(np.float32)
    y = rng.integers(0, 3, 8).astype(np.int32)
    config = loom_py.TrainingConfig(epochs=STEPS, batch_size=8, learning_rate=0.01, optimizer=loom_py.AdamW())

    def trained(net: loom_py.Network) -> list[AnyArray]:
        net.add_observer(loom_py.RecordingObserver())
        net.fit(x, y, config)
        return list(net.parameters().values())

    # What is done after a step depends on what the step gave, so a device must do it; one of its own for a fresh heap.
    host = ScriptHost(native_host())
    on_paper, net = (loom_py.Network.of(shape, layers, seed=3).to("numpy") for _ in range(2))
    on_paper.use_executor(WebGPUExecutor(host))
    trained(on_paper)
    wanted = trained(net)
    expected = Expectations(host, len(wanted))
    for array in wanted:
        expected.memory(array)
    return {"title": f"training {name}", "steps": host.steps, "expected": expected.found}, host


def cases() -> Iterator[tuple[dict[str, Any], ScriptHost]]:
    """All of them."""
    for name in sorted(LOWERINGS):
        for number, call in enumerate(calls(name, CALLS)):
            for subgroups in (False, True):
                found = verb_case(name, number, call, subgroups=subgroups)
                if found is not None and (not subgroups or any(ENABLE in text for text in found[1].kernels.values())):
                    yield found
    yield from product_cases()
    yield from attention_cases()
    yield from (reduction_case(subgroups=subgroups) for subgroups in (False, True))
    vulkan.provide()
    for name in NETWORKS:
        yield training_case(name)


def main(path: Path) -> None:
    kernels: dict[str, str] = {}
    found = []
    for case, host in cases():
        kernels |= host.kernels
        found.append(case)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"kernels": kernels, "cases": found}, allow_nan=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
