"""A packed Program: instructions with kernels run in one call, the others by NumPy in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any
from weakref import WeakSet

import numpy as np

from loom_py.executors.numpy import NumpyLoaded, NumpyMemory, aligned
from loom_py.executors.wasm.library import Library
from loom_py.executors.wasm.pack import Call, Operand, operation, pack
from loom_py.executors.wasm.pack.call import address_of
from loom_py.program import Instruction, Program
from loom_py.shapes import AnyArray


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive instructions: packed ones as words begin … end, or a single one for NumPy."""

    begin: int
    end: int
    number: int = -1
    """Number of the instruction for NumPy, else -1."""


@dataclass(frozen=True, eq=False)
class Workspace:
    """Working memory of instructions, shared by all Programs, since runs never overlap."""

    array: AnyArray


class WasmLoaded(NumpyLoaded):
    """A Program bound to memory and packed."""

    def __init__(
        self, program: Program, memory: NumpyMemory, library: Library, scratch: AnyArray, workspaces: WeakSet[Workspace]
    ) -> None:
        super().__init__(program, memory)
        self._library = library
        self._kept_alive: list[Any] = [scratch]
        self._workspaces = workspaces
        self._scratch = address_of(scratch)
        self._packed = [self._pack(i) for i in program.instructions]
        ends = {span.stop - 1: number for number, span in enumerate(program.spans)}
        words: list[int] = []
        self._starts: list[int] = []
        for number, packed in enumerate(self._packed):
            self._starts.append(len(words))
            words += packed or ()
            if number in ends:
                words += operation("span", ends[number])
        self._starts.append(len(words))
        self._code: AnyArray = np.array(words, np.int64).astype(np.intp)
        self._address = address_of(self._code)
        self._times: AnyArray = np.zeros(len(program.spans) + 1, np.float64)
        self._stretches: dict[tuple[int, int], list[Stretch]] = {}

    @property
    def uncovered(self) -> list[str]:
        """Names of the verbs that NumPy runs."""
        pairs = zip(self._packed, self.program.instructions, strict=True)
        return sorted({i.verb.name for packed, i in pairs if packed is None})

    def _pack(self, instruction: Instruction) -> list[int] | None:
        outputs = tuple(self._operand(i) for i in instruction.outputs)
        inputs = tuple(None if i is None else self._operand(i) for i in instruction.inputs)
        if any(o.size == 0 for o in (*outputs, *inputs) if o is not None):
            return None
        call = Call(outputs, inputs, instruction.attrs, self._scratch, self._workspace, self._kept_alive)
        return pack(instruction.verb.name, call)

    def _workspace(self, nbytes: int) -> int:
        """Address of at least n bytes: in a workspace of some Program, or in a new one."""
        found = next((workspace for workspace in self._workspaces if workspace.array.nbytes >= nbytes), None)
        if found is None:
            found = Workspace(aligned(nbytes))
            self._workspaces.add(found)
        self._kept_alive.append(found)
        return address_of(found.array)

    def _operand(self, index: int) -> Operand:
        array = self.arrays[index]
        return Operand(address_of(array), array.shape, array.dtype)

    # running -------------------------------------------------------------------------------------------------------

    def run(self, segment: str | None = None, *, timed: bool = False) -> None:
        start, stop = self.range_of(segment)
        times = None
        if timed:
            self._times[1:] = 0
            times = address_of(self._times)
        for stretch in self._plan(start, stop):
            if stretch.number < 0:
                self._library.run(self._address, stretch.begin, stretch.end, times)
            else:
                self._interpret(stretch.number, timed)
        if timed:
            spans = slice(*self._touched(start, stop))
            self.times_ns[spans] = self._times[1:][spans] * 1e6

    def _interpret(self, number: int, timed: bool) -> None:
        began = perf_counter_ns()
        with np.errstate(all="ignore"):
            self.calls[number]()
        if timed:
            self._times[self.program.instructions[number].span + 1] += (perf_counter_ns() - began) * 1e-6

    def _touched(self, start: int, stop: int) -> tuple[int, int]:
        """First and last+1 span of a range of instructions."""
        if start == stop:
            return 0, 0
        return self.program.instructions[start].span, self.program.instructions[stop - 1].span + 1

    def _plan(self, start: int, stop: int) -> Sequence[Stretch]:
        found = self._stretches.get((start, stop))
        if found is None:
            found = self._stretches[start, stop] = list(self._cut(start, stop))
        return found

    def _cut(self, start: int, stop: int) -> list[Stretch]:
        stretches: list[Stretch] = []
        for number in range(start, stop):
            begin, end = self._starts[number], self._starts[number + 1]
            if self._packed[number] is None:
                stretches.append(Stretch(0, 0, number))
            if begin == end:
                continue
            if stretches and stretches[-1].number < 0:
                begin = stretches.pop().begin
            stretches.append(Stretch(begin, end))
        return stretches
