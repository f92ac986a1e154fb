"""Norms that follow one another share dispatches, whatever their sizes, unless one needs what another leaves."""

from __future__ import annotations

import numpy as np
import pytest

from loom_py import ops
from loom_py.executors.webgpu.find import find_executor
from loom_py.executors.webgpu.loaded import GpuLoaded
from loom_py.program import Recorder
from loom_py.shapes import AnyArray
from tests.ops import machines

pytestmark = [
    pytest.mark.skipif(machines.webgpu() is None, reason="no Vulkan driver, not even Chromium's"),
    pytest.mark.usefixtures("each_profile"),
]
SIZES = (1, 300, 16_384, 16_385, 70_000, 5)


def load(recorder: Recorder) -> GpuLoaded:
    executor = find_executor()
    return executor.load(recorder.finish(), executor.allocate({}))


def kernels(loaded: GpuLoaded) -> list[str]:
    plan = loaded._built.plan
    return [plan.kernels[number].name for number in plan.dispatches[:, 0]]


def test_small_ones_take_one_dispatch_and_large_ones_two_more() -> None:
    rng, recorder = np.random.default_rng(0), Recorder()
    values: dict[str, AnyArray] = {f"x{n}": rng.standard_normal(n).astype(np.float32) for n in SIZES}
    with recorder.segment("first"):
        for name, value in values.items():
            x = recorder.input(name, value.shape)
            with recorder.span(name, "observe"):
                recorder.output(f"norm {name}", ops.global_norm(x))
                recorder.output(f"distance {name}", ops.distance(x, x))
    with recorder.segment("second"):
        recorder.output("last", ops.global_norm(x))
    loaded = load(recorder)
    assert kernels(loaded) == ["l2_norm"] * 4  # one for small arrays, two for large ones, and the second segment's own
    for name, value in values.items():
        loaded.write(name, value)
    loaded.run(timed=True)
    for name, value in values.items():
        np.testing.assert_allclose(loaded.read(f"norm {name}"), np.linalg.norm(value.astype(np.float64)), rtol=1e-6)
        assert loaded.read(f"distance {name}") == 0
    times = loaded.times_ns
    assert times is None or len(times) == len(loaded.program.spans)
    loaded.run("second")
    assert loaded.read("last") == pytest.approx(np.linalg.norm(values["x5"]), rel=1e-6)


def test_a_norm_of_norms_comes_after_them() -> None:
    recorder = Recorder()
    norm = ops.global_norm(recorder.input("x", (3,)))
    recorder.output("y", ops.distance(norm, recorder.input("z", ())))
    loaded = load(recorder)
    assert kernels(loaded) == ["l2_norm"] * 2
    loaded.write("x", [2, 3, 6])
    loaded.write("z", 1)
    loaded.run()
    assert loaded.read("y") == pytest.approx(6)
