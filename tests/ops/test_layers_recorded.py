"""Every layer recorded into a Program does on every executor what it does eagerly, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest

from loom_py.executors.base import Executor
from loom_py.layers import Layer, Run
from loom_py.program import Recorder
from loom_py.shapes import AnyArray
from tests.ops import suite
from tests.ops.plans import check_plan
from tests.unit.layers.examples import Example, named_examples
from tests.unit.layers.gradients import draw_parameters

EXAMPLES = list(named_examples())
FIRST = {kind: name for name, kind, _ in reversed(EXAMPLES)}
# On the GPU the verbs are proved one by one in test_verbs.py; here one example of each layer shows that they fit.
CASES = [
    pytest.param(kind, example, executor, id=f"{name}-{executor}")
    for name, kind, example in EXAMPLES
    for executor in sorted(suite.EXECUTORS)
    if "webgpu" not in executor or (FIRST[kind] == name and not executor.endswith("subgroups"))
]
Arrays = dict[str, AnyArray]


def eager(layer: Layer, arrays: Arrays, x: AnyArray, dy: AnyArray | None, training: bool) -> Arrays:
    arrays = {name: value.copy() for name, value in arrays.items()}
    run = Run(arrays, training, np.zeros((), np.uint32), seed=7)
    y, cache = run.forward("0", layer, x)
    dy = np.random.default_rng(5).standard_normal(y.shape).astype(np.float32) if dy is None else dy
    dx = run.backward("0", layer, cache, dy)
    buffers = {f"after {name}": arrays[name] for name in arrays if name not in run.gradients}
    found = {"y": y, "dy": dy, **run.gradients, **buffers}
    return found if dx is None else found | {"dx": dx}


def recorded(executor: Executor, layer: Layer, arrays: Arrays, x: AnyArray, dy: AnyArray, training: bool) -> Arrays:
    recorder = Recorder()
    tensors = {name: recorder.persistent(f"area {name}", 0, value.shape, name) for name, value in arrays.items()}
    run = Run(tensors, training, recorder.input("draw", (), np.uint32), seed=7)
    y, cache = run.forward("0", layer, recorder.input("x", x.shape, x.dtype))
    recorder.output("y", y)
    dx = run.backward("0", layer, cache, recorder.input("dy", dy.shape))
    for name, gradient in ({} if dx is None else {"dx": dx}).items() | run.gradients.items():
        recorder.output(name, gradient)
    program = recorder.finish()
    check_plan(program)
    memory = executor.allocate({f"area {name}": value.nbytes for name, value in arrays.items()})
    for name, value in arrays.items():
        memory.write(f"area {name}", 0, value)
    loaded = executor.load(program, memory)
    for name, value in {"draw": np.zeros((), np.uint32), "x": x, "dy": dy}.items():
        if name in program.inputs:
            loaded.write(name, value)
    loaded.run()
    after = {f"after {n}": memory.read(f"area {n}", 0, v.shape) for n, v in arrays.items() if n not in run.gradients}
    return {"dy": dy, **{name: loaded.read(name) for name in program.outputs}, **after}


@pytest.mark.parametrize(("kind", "example", "executor"), CASES)
def test_program_equals_eager(kind: str, example: Example, executor: str) -> None:
    machine, tolerance = suite.EXECUTORS[executor]
    layer, rng = example.layer(kind), np.random.default_rng(3)
    arrays = {name: value.astype(np.float32) for name, value in draw_parameters(layer, rng).items()}
    x = example.input(rng, np.float32)
    wanted = eager(layer, arrays, x, None, example.training)
    got = recorded(machine, layer, arrays, x, wanted["dy"], example.training)
    assert set(got) == set(wanted)
    # A gradient that is 0 but for rounding (of a bias before softmax) is held to the layer's others.
    least = max(1e-3, *(0.02 * float(np.abs(a).max(initial=0)) for a in wanted.values()))
    errors = {name: suite.distance(got[name], wanted[name], least if tolerance else 1e-3) for name in wanted}
    assert not {name: e for name, e in errors.items() if e > max(tolerance, 1e-6)}
