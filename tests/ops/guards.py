"""Running a verb whose outputs lie between guards in lasting memory: not a byte beside them may change."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py.executors.base import Executor
from loom_py.ops import Verb
from loom_py.program import Recorder
from loom_py.shapes import AnyArray
from tests.ops import suite

GUARD = 68
"""Bytes before an output, so that it begins at an odd word."""


def guarded(executor: Executor, verb: Verb, arrays: list[AnyArray | None], **attrs: Any) -> tuple[AnyArray, ...]:
    """The outputs; fails when a byte before or after them is not what it was."""
    recorder = Recorder()
    tensors = [None if a is None else recorder.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    specs = verb.output_specs(suite.specs_of(arrays), attrs)
    outputs = recorder.record(verb, tensors, attrs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for number, (output, spec) in enumerate(zip(outputs, specs, strict=True)):
        recorder.bind(output, recorder.persistent(f"out{number}", GUARD, spec.shape, "", spec.dtype))
    sizes = [-(-s.nbytes // 4) * 4 + 2 * GUARD for s in specs]
    memory = executor.allocate({f"out{n}": size for n, size in enumerate(sizes)})
    for n, size in enumerate(sizes):
        memory.write(f"out{n}", 0, np.full(size, 0xA5, np.uint8))
    loaded = executor.load(recorder.finish(), memory)
    for i, a in enumerate(arrays):
        if a is not None and tensors[i].index in loaded.program.inputs.values():
            loaded.write(f"x{i}", a)
    loaded.run()
    found = []
    for n, (size, spec) in enumerate(zip(sizes, specs, strict=True)):
        raw = memory.read(f"out{n}", 0, (size,), np.uint8)
        assert (raw[:GUARD] == 0xA5).all() and (raw[GUARD + spec.nbytes :] == 0xA5).all(), "written beside the output"
        found.append(memory.read(f"out{n}", GUARD, spec.shape, spec.dtype))
    return tuple(found)
