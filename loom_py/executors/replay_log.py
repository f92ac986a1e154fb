"""Entries of the replay log: writes to memory and runs of Programs, and how to repeat them on another executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from weakref import ref

import numpy as np

from loom_py.executors.base import Loaded, Memory, Results
from loom_py.program import LOCAL, Program
from loom_py.shapes import AnyArray


class SavedResults:
    """Copies of all results of a run."""

    def __init__(self, results: Results) -> None:
        self.program = results.program
        self.times_ns = None if results.times_ns is None else results.times_ns.copy()
        self._outputs = {name: results.read(name) for name in self.program.outputs}
        self._observed = results.read_observed()

    def read(self, name: str) -> AnyArray:
        return self._outputs[name].copy()

    def read_observed(self) -> AnyArray:
        return self._observed.copy()


class Replayed(Protocol):
    """Returns a Program loaded on the executor that replays."""

    def __call__(self, program: Program) -> Loaded: ...


class ResultsHolder(Protocol):
    """Holder of results that may still be read."""

    results: Results


@dataclass(frozen=True, slots=True)
class LoggedWrite:
    """A write of bytes into an area."""

    area: str
    offset: int
    array: AnyArray

    @property
    def nbytes(self) -> int:
        return int(self.array.nbytes)

    def into(self, area: AnyArray) -> None:
        """Write the bytes into a copy of the area."""
        area[self.offset : self.offset + self.nbytes] = np.ascontiguousarray(self.array).reshape(-1).view(np.uint8)

    def save_results(self) -> None:
        """Do nothing: a write has no results."""

    def replay(self, memory: Memory, replayed: Replayed) -> None:
        memory.write(self.area, self.offset, self.array)


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A run of a Program with the values of its inputs, and a weak reference to the holder of its results."""

    program: Program
    inputs: Mapping[str, AnyArray]
    segment: str | None
    timed: bool
    results: ref[ResultsHolder]

    @property
    def nbytes(self) -> int:
        return int(sum(array.nbytes for array in self.inputs.values()))

    def save_results(self) -> None:
        """Copy the results from the device if they may still be read."""
        holder = self.results()
        if holder is not None and not isinstance(holder.results, SavedResults):
            holder.results = SavedResults(holder.results)

    def replay(self, memory: Memory, replayed: Replayed) -> None:
        done, holder = self.run(replayed), self.results()
        if holder is not None and not isinstance(holder.results, SavedResults):
            holder.results = SavedResults(done)

    def run(self, replayed: Replayed) -> Results:
        """Repeat the run on another executor's Program."""
        loaded = replayed(self.program)
        for name, array in self.inputs.items():
            loaded.write(name, array)
        loaded.run(self.segment, timed=self.timed)
        return loaded.results()


def changes_memory(program: Program) -> bool:
    """Whether a run of the Program changes memory that outlives it."""
    persistent = [buffer.storage not in LOCAL for buffer in program.buffers]
    return any(
        any(persistent[index] for index in (*i.outputs, *(i.inputs[w] for w in i.verb.writes)) if index is not None)
        for i in program.instructions
    )
