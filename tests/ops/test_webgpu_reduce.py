"""Reductions, normalisation and softmax on the GPU: across workgroups, odd shapes, numbers that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import ops
from loom_py.executors.strides import split
from loom_py.executors.webgpu.lower import Call as Lowered
from loom_py.executors.webgpu.lower import Operand, lower
from loom_py.executors.webgpu.lower.call import by_rule
from loom_py.executors.webgpu.lower.device_profile import DISCRETE_GPU, SOFTWARE_GPU, DeviceProfile
from loom_py.executors.webgpu.lower.reduction_tiling import ranges, tiling
from loom_py.ops import Verb
from loom_py.shapes import AnyArray, Shape, size_of
from tests.ops import machines, suite
from tests.ops.guards import guarded

GPU = machines.webgpu()
pytestmark = [
    pytest.mark.skipif(GPU is None, reason="no driver of a GPU"),
    pytest.mark.usefixtures("each_profile"),
]
TOLERANCE = 2e-6


def values(shape: Shape, seed: int = 1) -> AnyArray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), np.float32)


def found(verb: Verb, *arrays: AnyArray | None, **attrs: Any) -> tuple[AnyArray, ...]:
    assert GPU
    return guarded(GPU[1], verb, list(arrays), **attrs)


def compare(verb: Verb, *arrays: AnyArray | None, tolerance: float = TOLERANCE, **attrs: Any) -> None:
    """The GPU's outputs against NumPy's of the same numbers in float64."""
    wide = [a.astype(np.float64) if a is not None and a.dtype.kind == "f" else a for a in arrays]
    with np.errstate(all="ignore"):
        wanted = verb(*wide, **attrs)
    for got, right in zip(
        found(verb, *arrays, **attrs), wanted if isinstance(wanted, tuple) else [wanted], strict=True
    ):
        assert suite.distance(got, right) <= tolerance


def dispatches(name: str, outputs: list[Shape], inputs: list[Shape], **attrs: Any) -> int:
    """How many a verb takes."""
    several = [tuple(Operand(0, s, np.dtype(np.float32)) for s in shapes) for shapes in (outputs, inputs)]
    done = lower(name, Lowered(several[0], several[1], attrs, lambda words: 0, lambda table: 0, by_rule, DISCRETE_GPU))
    assert done is not None
    return len(done)


SHAPES = [
    ((1,), 0), ((255,), 0), ((256,), 0), ((257,), 0), ((1000,), 0), ((70_001,), 0), ((3, 70_001), 1), ((70_001, 3), 0),
    ((2000, 33), 0), ((300, 1000), 0), ((5000, 10), 1), ((17, 257), 1), ((2, 3, 50, 41), (0, 2, 3)),
    ((40, 3, 17, 19), (0, 2, 3)), ((3, 5, 7, 11), (1, 3)), ((3, 5, 7, 11), (0, 2)), ((70_001, 1), 1),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "axes"), SHAPES)
@pytest.mark.parametrize("verb", [ops.sum, ops.mean], ids=lambda v: v.name)
def test_sums(verb: Verb, shape: Shape, axes: Any) -> None:
    compare(verb, np.asarray(values(shape) + np.float32(0.5), np.float32), axes=axes)


def test_long_sums_stay_exact() -> None:
    """One rounded addition after another would lose the fourth digit."""
    x = np.full(300_000, 0.1, np.float32)
    (got,) = found(ops.sum, x, axes=0)
    assert float(got) == pytest.approx(300_000 * float(x[0]), rel=1e-6)


def test_scattered_axes_are_summed_one_after_the_other() -> None:
    x = values((3, 4, 3, 5, 2, 6))
    compare(ops.sum, x, axes=(0, 2, 4))
    compare(ops.mean, x, axes=(1, 3, 5), keepdims=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_sums_of_what_is_no_number(bad: float) -> None:
    x = values((40, 300))
    x[7, 280] = bad
    (got,) = found(ops.sum, x, axes=1)
    np.testing.assert_array_equal(np.isfinite(got), np.arange(40) != 7)
    np.testing.assert_array_equal(got[7], np.float32(bad))


def test_nothing_to_add() -> None:
    x = np.zeros((0, 3), np.float32)
    np.testing.assert_array_equal(found(ops.sum, x, axes=0)[0], [0, 0, 0])
    assert np.isnan(found(ops.mean, x, axes=0)[0]).all()


def test_small_reductions_are_one_dispatch() -> None:
    assert dispatches("sum", [(10,)], [(128, 10)], axes=0) == 1
    assert dispatches("sum", [(1024,)], [(128, 1024)], axes=0) == 1
    assert dispatches("softmax", [(128, 10)], [(128, 10)]) == 1
    assert dispatches("normalise", [(64, 512), (64, 1)], [(64, 512)], axes=(1,), eps=1e-5) == 1
    assert dispatches("stats", [(11,)], [(128, 64)], unit_axis=1) == 1
    assert dispatches("histogram", [(129,)], [(128, 64)]) == 1
    assert dispatches("global_norm", [()], [(5000,)]) == 1
    assert dispatches("sum", [()], [(10_000_000,)], axes=0) == 2


@pytest.mark.parametrize("size", [1, 255, 256, 257, 70_001])
def test_count_nonfinite(size: int) -> None:
    x = values((size,))
    x[::3], x[1::7], x[2::11] = np.nan, -np.inf, np.inf
    np.testing.assert_array_equal(found(ops.count_nonfinite, x)[0], np.float32(size - np.isfinite(x).sum()))


WIDE = [((4, 7), 1), ((300, 3), 1), ((7, 1000), 1), ((3, 20_011), 1), ((20_011, 3), 0), ((65, 40), 0),
        ((8, 5, 40, 37), (0, 2, 3)), ((4, 6, 9, 5), (0, 2))]  # fmt: skip


@pytest.mark.parametrize(("shape", "axes"), WIDE)
@pytest.mark.parametrize("centre", [True, False])
def test_normalise(shape: Shape, axes: Any, centre: bool) -> None:
    axes = axes if isinstance(axes, tuple) else (axes,)
    x = np.asarray(values(shape) * 3 + 1, np.float32)
    compare(ops.moments, x, axes=axes)
    compare(ops.normalise, x, axes=axes, eps=1e-3, centre=centre, tolerance=5e-6)
    normal, rstd = ops.normalise(x, axes=axes, eps=1e-3, centre=centre)
    compare(ops.normalise_gradient, values(shape, 2), normal, rstd, axes=axes, centre=centre, tolerance=5e-6)


@pytest.mark.parametrize("shape", [(20, 500), (2, 30_000)])
def test_variance_far_from_zero(shape: Shape) -> None:
    x = np.asarray(1000 + 0.1 * values(shape), np.float32)
    _, variance = found(ops.moments, x, axes=(1,))
    np.testing.assert_allclose(variance, x.astype(np.float64).var(axis=1, keepdims=True), rtol=1e-4)


def test_a_nan_stays_in_its_row() -> None:
    x = values((6, 500))
    x[4, 499], x[2, 0] = np.nan, np.inf
    normal, rstd = found(ops.normalise, x, axes=(1,), eps=1e-5)
    for got in (normal, rstd):
        np.testing.assert_array_equal(np.isnan(got).any(axis=1), [0, 0, 1, 0, 1, 0])


ROWS = [(1, 1), (3, 2), (257, 10), (70, 33), (9, 255), (9, 256), (9, 257), (3, 5000), (2, 70_001), (70_001, 1), (5,)]


@pytest.mark.parametrize("shape", ROWS)
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_softmax(shape: Shape, temperature: float) -> None:
    x = values(shape)
    compare(ops.softmax, x, temperature=temperature)
    y = ops.softmax(x, temperature=temperature)
    compare(ops.softmax_gradient, values(shape, 2), y, temperature=temperature)


@pytest.mark.parametrize("shape", ROWS)
@pytest.mark.parametrize("alpha", [1.5, 2.0])
def test_entmax(shape: Shape, alpha: float) -> None:
    x = np.asarray(values(shape) * 2, np.float32)
    compare(ops.entmax, x, alpha=alpha, temperature=1.3, tolerance=5e-6)
    y = ops.entmax(x, alpha=alpha)
    compare(ops.entmax_gradient, values(shape, 2), y, alpha=alpha, temperature=1.3, tolerance=5e-6)


@pytest.mark.parametrize("alpha", [1.5, 2.0])
def test_entmax_of_equal_numbers_and_of_one_far_above(alpha: float) -> None:
    compare(ops.entmax, np.full((3, 3000), 7, np.float32), alpha=alpha)
    x = values((2, 3000))
    x[:, 5], x[1, 6] = 3e38, -np.inf
    compare(ops.entmax, x, alpha=alpha)


def test_softmax_of_hard_rows() -> None:
    x = values((7, 300))
    x[0, 0], x[1, 3], x[2] = np.nan, np.inf, -np.inf
    x[3, 5:9], x[4], x[5] = -np.inf, 1e38 * values((300,)), -3e38
    with np.errstate(all="ignore"):
        wanted = ops.softmax(x)
    assert suite.distance(found(ops.softmax, x)[0], wanted) <= TOLERANCE


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_masks_of_every_breadth(dtype: Any) -> None:
    rng = np.random.default_rng(3)
    x = values((3, 4, 37, 37))
    for shape in [(37,), (37, 37), (3, 1, 1, 37), (4, 37, 1), (3, 1, 37, 37), (1, 4, 1, 1)]:
        mask = rng.integers(0, 2, shape).astype(dtype)
        for causal in (False, True):
            compare(ops.softmax, x, mask, causal=causal)


def test_what_is_hidden_may_be_anything() -> None:
    x = values((40, 40))
    x[np.triu_indices(40, 1)] = np.nan
    compare(ops.softmax, x, causal=True)
    mask = np.ones((1, 40), np.float32)
    mask[0, 3], mask[0, 4] = 0.0, -0.0
    x[:, 3:5] = np.inf
    compare(ops.softmax, x, mask, causal=True)
    np.testing.assert_array_equal(found(ops.softmax, x, np.zeros((40, 1), np.int32))[0], np.zeros((40, 40)))


@pytest.mark.parametrize("verb", [ops.softmax, ops.entmax], ids=lambda v: v.name)
def test_output_in_place_of_the_input(verb: Verb) -> None:
    """exp(x) dies in what follows, whose output takes over its memory."""
    assert GPU
    from loom_py.program import Recorder

    x, attrs = values((50, 700)), {"alpha": 1.5} if verb is ops.entmax else {}
    recorder = Recorder()
    recorder.output("y", verb(ops.exp(recorder.input("x", x.shape)), **attrs))
    program = recorder.finish()
    first, second = (program.buffers[i.outputs[0]] for i in program.instructions[-2:])
    assert first.offset == second.offset
    loaded = GPU[1].load(program, GPU[1].allocate({}))
    loaded.write("x", x)
    loaded.run()
    assert suite.distance(loaded.read("y"), verb(np.exp(x), **attrs)) <= 1e-5


def test_runs_agree_to_the_bit() -> None:
    x = values((70_001, 7))
    first, second = (found(ops.sum, x, axes=0)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("profile", [DISCRETE_GPU, SOFTWARE_GPU])
def test_parts_cover_every_element_of_huge_arrays(profile: DeviceProfile) -> None:
    """Sizes that no test can run: no part is left out, no limit of a dispatch is passed."""
    for shape, axes in [((2**28,), 0), ((2**14, 2**14), 0), ((2**14, 2**14), 1), ((2**27, 3), 0), ((3, 2**27), 1)]:
        axes_split = split(shape, axes)
        assert axes_split is not None
        shared = tiling(profile, axes_split)
        assert shared.results * shared.elements == size_of(shape)
        assert (shared.parts - 1) * shared.part < shared.elements <= shared.parts * shared.part
        assert shared.groups[0] * shared.groups[1] >= shared.tiles * shared.parts
    for size in (1, 16384, 16385, 10**7, 2**29):
        cut = ranges(profile, size)
        assert (cut.count - 1) * cut.part < size <= cut.count * cut.part
