"""What is done to memory, noted so that it can be done again elsewhere: writes, and runs of Programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from weakref import ref

import numpy as np

from loom_py.executors.base import Loaded, Memory, Results
from loom_py.program import LOCAL, Program
from loom_py.shapes import AnyArray


class Kept:
    """Copies of all that a run left."""

    def __init__(self, results: Results) -> None:
        self.program = results.program
        self.times_ns = None if results.times_ns is None else results.times_ns.copy()
        self._outputs = {name: results.read(name) for name in self.program.outputs}
        self._observed = results.read_observed()

    def read(self, name: str) -> AnyArray:
        return self._outputs[name].copy()

    def read_observed(self) -> AnyArray:
        return self._observed.copy()


class Twins(Protocol):
    """Gives a Program on the executor where things are done again."""

    def __call__(self, program: Program) -> Loaded: ...


class Wanted(Protocol):
    """Results that somebody may still ask for."""

    results: Results


@dataclass(frozen=True, slots=True)
class NotedWrite:
    """Bytes that were written into an area."""

    area: str
    offset: int
    array: AnyArray

    @property
    def nbytes(self) -> int:
        return int(self.array.nbytes)

    def into(self, area: AnyArray) -> None:
        """Write them into a copy of the area."""
        area[self.offset : self.offset + self.nbytes] = np.ascontiguousarray(self.array).reshape(-1).view(np.uint8)

    def settle(self) -> None:
        """Nothing of it is under way."""

    def again(self, memory: Memory, twin: Twins) -> None:
        memory.write(self.area, self.offset, self.array)


@dataclass(frozen=True, slots=True)
class NotedRun:
    """A run of a Program, with all inputs as they were, and who may still ask for its results."""

    program: Program
    inputs: Mapping[str, AnyArray]
    segment: str | None
    timed: bool
    results: ref[Wanted]

    @property
    def nbytes(self) -> int:
        return int(sum(array.nbytes for array in self.inputs.values()))

    def settle(self) -> None:
        """Fetch what somebody may still ask for."""
        wanted = self.results()
        if wanted is not None and not isinstance(wanted.results, Kept):
            wanted.results = Kept(wanted.results)

    def again(self, memory: Memory, twin: Twins) -> None:
        done, wanted = self.done(twin), self.results()
        if wanted is not None and not isinstance(wanted.results, Kept):
            wanted.results = Kept(done)

    def done(self, twin: Twins) -> Results:
        """Do it on another executor's Program."""
        loaded = twin(self.program)
        for name, array in self.inputs.items():
            loaded.write(name, array)
        loaded.run(self.segment, timed=self.timed)
        return loaded.results()


def changes_memory(program: Program) -> bool:
    """Whether running a Program changes anything but memory of its own."""
    lasting = [buffer.storage not in LOCAL for buffer in program.buffers]
    return any(
        any(lasting[index] for index in (*i.outputs, *(i.inputs[w] for w in i.verb.writes)) if index is not None)
        for i in program.instructions
    )
