"""Running one call of a verb: eagerly, over garbage, aliased, and as a Program on an executor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loom_py.executors.base import Executor
from loom_py.executors.numpy import NumpyExecutor
from loom_py.ops import Spec, Verb
from loom_py.program import Recorder
from loom_py.shapes import AnyArray
from tests.ops import machines
from tests.ops.case import Call

_WASM, _wasm = machines.wasm()
EXECUTORS: dict[str, tuple[Executor, float]] = {"numpy": (NumpyExecutor(), 0.0), _WASM: (_wasm, 1e-5)}
if _gpu := machines.webgpu():
    EXECUTORS[_gpu[0]] = machines.Edition(_gpu[1], subgroups=False), 2e-5
    if machines.has_subgroups():
        EXECUTORS[f"{_gpu[0]}, subgroups"] = machines.Edition(_gpu[1], subgroups=True), 2e-5
"""What the suite runs on: an executor and how far its float32 may be from NumPy's, relative to the largest value."""

Inputs = Sequence[AnyArray | None]


@dataclass(frozen=True)
class Result:
    """Outputs of a call and what its inputs hold afterwards."""

    outputs: tuple[AnyArray, ...]
    inputs: Inputs


def eager(verb: Verb, call: Call, dtype: Any) -> Result:
    """The verb called like a function."""
    inputs = call.arrays(dtype)
    outputs = verb(*inputs, **call.attrs)
    return Result(outputs if isinstance(outputs, tuple) else (outputs,), inputs)


def specs_of(inputs: Inputs) -> list[Spec | None]:
    return [None if a is None else Spec(a.shape, a.dtype) for a in inputs]


def over_garbage(verb: Verb, call: Call, dtype: Any, garbage: float) -> Result:
    """The meaning alone, writing into outputs that hold something already."""
    inputs = call.arrays(dtype)
    specs = verb.output_specs(specs_of(inputs), call.attrs)
    outputs = tuple(np.full(s.shape, int(garbage) if s.dtype.kind in "iu" else garbage, s.dtype) for s in specs)
    verb.meaning(*outputs, *inputs, **call.attrs)
    return Result(outputs, inputs)


def aliased(verb: Verb, call: Call, dtype: Any, place: int) -> Result | None:
    """The meaning with its output in the memory of an input; None when their specs differ."""
    inputs = call.arrays(dtype)
    (spec,) = verb.output_specs(specs_of(inputs), call.attrs)
    host = inputs[place]
    if host is None or Spec(host.shape, host.dtype) != spec:
        return None
    verb.meaning(host, *inputs, **call.attrs)
    return Result((host,), inputs)


def executed(verb: Verb, call: Call, executor: Executor) -> Result:
    """The call recorded into a Program and run; inputs that the verb writes lie in lasting memory."""
    arrays = call.arrays(np.float32)
    recorder = Recorder()
    tensors: list[Any] = []
    for place, array in enumerate(arrays):
        if array is None:
            tensors.append(None)
        elif place in verb.writes:
            tensors.append(recorder.persistent(f"area{place}", 0, array.shape, "", array.dtype))
        else:
            tensors.append(recorder.input(f"in{place}", array.shape, array.dtype))
    outputs = recorder.record(verb, tensors, call.attrs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for number, tensor in enumerate(outputs):
        recorder.output(f"out{number}", tensor)
    program = recorder.finish()
    written = {place: arrays[place] for place in verb.writes if arrays[place] is not None}
    memory = executor.allocate({f"area{place}": a.nbytes for place, a in written.items() if a is not None})
    loaded = executor.load(program, memory)
    for place, array in enumerate(arrays):
        if array is not None and place in written:
            memory.write(f"area{place}", 0, array)
        elif array is not None and f"in{place}" in program.inputs:
            loaded.write(f"in{place}", array)
    loaded.run()
    for place, array in written.items():
        if array is not None:
            arrays[place] = memory.read(f"area{place}", 0, array.shape, array.dtype)
    return Result(tuple(loaded.read(f"out{number}") for number in range(len(outputs))), arrays)


def distance(got: AnyArray, wanted: AnyArray, least: float = 1e-3) -> float:
    """Largest error relative to the largest magnitude (at least `least`); 0 where both are NaN or the same."""
    if got.shape != wanted.shape:
        return np.inf
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    finite = np.abs(wanted[np.isfinite(wanted)]).max(initial=least)
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0, np.abs(np.subtract(got, wanted, dtype=np.float64)) / finite)
    return float(np.where(np.isnan(error), np.inf, error).max(initial=0.0))
