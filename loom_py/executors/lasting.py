"""Memory that outlasts its device: what is done there is noted, and done again elsewhere when the device is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from weakref import ref

import numpy as np

from loom_py.errors import DeviceLostError, StateError
from loom_py.executors.base import Executor, Loaded, Memory, Results
from loom_py.program import LOCAL, Program
from loom_py.shapes import AnyArray, ArrayLike

MOST_DEEDS = 256
MOST_BYTES = 64 << 20
"""How many writes and runs, and how many bytes of their data, are noted before the areas are copied anew."""
T = TypeVar("T")


class LastingMemory:
    """Persistent areas on a device that may go away.

    A copy of the areas on the host, and all that was done to them since, give them back at any time: the device's
    first word that it is lost has everything done again by another executor, and nobody above needs to know.

    Attributes:
        executor: where the areas are now.
        period: counts the copies that were made.
    """

    def __init__(
        self, executor: Executor, sizes: Mapping[str, int], spare: Callable[[], Executor], tell: Callable[[str], None]
    ) -> None:
        """Zeroed areas.

        Args:
            executor: where they are to be.
            sizes: bytes of each.
            spare: gives the executor that takes over.
            tell: is told in words when that happens.
        """
        self.executor, self.period = executor, 0
        self._spare, self._tell = spare, tell
        self._sizes = dict(sizes)
        self._copy: dict[str, AnyArray] | None = {name: np.zeros(n, np.uint8) for name, n in sizes.items()}
        self._deeds: list[_Write | _Run] = []
        self._noted_bytes = 0
        self._twins: dict[int, Loaded] = {}  # by the identity of their Program: made when all was done again
        self._real: Memory | None = None
        self._real = self.sure(lambda: self._real or executor.allocate(sizes))

    @property
    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    @property
    def real(self) -> Memory:
        """The areas where they are now."""
        assert self._real is not None
        return self._real

    def write(self, area: str, offset: int, array: AnyArray) -> None:
        self.sure(lambda: self.real.write(area, offset, array))
        self.note(_Write(area, offset, np.array(array)))

    def read(self, area: str, offset: int, shape: tuple[int, ...], dtype: Any = np.float32) -> AnyArray:
        return self.sure(lambda: self.real.read(area, offset, shape, dtype))

    def load(self, program: Program) -> LastingLoaded:
        """Make a Program ready to run over these areas, wherever they are."""
        return LastingLoaded(self, program)

    def sure(self, call: Callable[[], T]) -> T:
        """What a call gives: where the areas are, or, when that turns out to be lost, where they are then."""
        try:
            return call()
        except DeviceLostError as error:
            if self._copy is None:
                raise
            self._move(error, self._copy)
        return call()

    def loaded(self, program: Program) -> Loaded:
        """A Program on the executor of now."""
        return self._twins.pop(id(program), None) or self.executor.load(program, self.real)

    def note(self, deed: _Write | _Run) -> None:
        """Remember what was done, if it may have to be done again."""
        if self._copy is None:
            return
        if isinstance(deed, _Write) and not self._deeds:
            deed.into(self._copy[deed.area])
        else:
            self._deeds.append(deed)
            self._noted_bytes += deed.nbytes

    def shorten(self) -> None:
        """Copy the areas anew when too much was noted since."""
        if len(self._deeds) >= MOST_DEEDS or self._noted_bytes > MOST_BYTES:
            self.sure(self.copy)

    def copy(self) -> None:
        """Copy the areas anew; waits for everything that was begun."""
        if self._copy is None:
            return
        for deed in self._deeds:
            deed.settle()
        self._copy = {name: self.real.read(name, 0, (nbytes,), np.uint8) for name, nbytes in self._sizes.items()}
        self._deeds, self._noted_bytes = [], 0
        self.period += 1

    def _move(self, error: DeviceLostError, copy: Mapping[str, AnyArray]) -> None:
        """Bring everything back elsewhere: the copy, and on it every deed since."""
        lost, self.executor = self.executor.name, self._spare()
        self._real = self.executor.allocate(self._sizes)
        for name, raw in copy.items():
            self._real.write(name, 0, raw)
        deeds, self._deeds, self._copy = self._deeds, [], None
        for deed in deeds:
            deed.again(self._real, self._twin)
        runs = sum(isinstance(deed, _Run) for deed in deeds)
        self._tell(
            f"{lost} was lost ({error}); {self.executor.name} takes over: {runs} runs were done again and none is "
            "missing"
        )

    def _twin(self, program: Program) -> Loaded:
        if id(program) not in self._twins:
            self._twins[id(program)] = self.executor.load(program, self.real)
        return self._twins[id(program)]


class LastingLoaded:
    """A Program over lasting memory."""

    def __init__(self, memory: LastingMemory, program: Program) -> None:
        self.program, self._memory = program, memory
        self._changes = changes_memory(program)
        self._inputs: dict[str, AnyArray] = {}
        self._period = -1  # of the memory, when it was last run from its beginning
        self._real = memory.sure(lambda: memory.loaded(program))
        self._of = memory.executor
        self._last = LastingResults(memory, self._real.results())

    @property
    def real(self) -> Loaded:
        """It where the memory is now."""
        if self._of is not self._memory.executor:
            self._real, self._of = self._memory.loaded(self.program), self._memory.executor
            for name, value in self._inputs.items():
                self._real.write(name, value)
        return self._real

    def write(self, name: str, value: ArrayLike) -> None:
        """Fill a named input; the array must not be changed afterwards."""
        self._inputs[name] = np.asarray(value)
        self.real.write(name, value)

    def run(self, segment: str | None = None, *, timed: bool = False) -> None:
        memory, begins = self._memory, segment is None or segment == self.program.segments[0].name
        if begins:
            memory.shorten()
            self._period = memory.period

        def do() -> Results:
            if not begins and self._of is not memory.executor and self._period != memory.period:
                raise StateError("the forward pass was lost with its device: do it again (forward_cpu)")
            self.real.run(segment, timed=timed)
            return self.real.results()

        self._last = LastingResults(memory, memory.sure(do))
        run = _Run(self.program, dict(self._inputs), segment, timed, ref(self._last))
        if segment is None and not self._changes:
            self._last.run = run
        elif self._period == memory.period:
            memory.note(run)
        else:
            memory.sure(memory.copy)  # it can't be done again, since what it follows is no longer noted

    def results(self) -> LastingResults:
        return self._last

    @property
    def times_ns(self) -> AnyArray | None:
        return self._last.times_ns

    def read(self, name: str) -> AnyArray:
        return self._last.read(name)

    def read_observed(self) -> AnyArray:
        return self._last.read_observed()


class LastingResults:
    """What a run left, on the device or, when that is lost, of the same run done again."""

    def __init__(self, memory: LastingMemory, results: Results) -> None:
        self.program = results.program
        self.run: _Run | None = None
        """How to do it again, for a run that changed nothing and is not noted."""
        self._memory, self._of, self.results = memory, memory.executor, results

    def _now(self) -> Results:
        if self.run is not None and self._of is not self._memory.executor:
            self._of = self._memory.executor
            self.results = Kept(self.run.done(self._memory.loaded))
        return self.results

    @property
    def times_ns(self) -> AnyArray | None:
        return self._memory.sure(lambda: self._now().times_ns)

    def read(self, name: str) -> AnyArray:
        return self._memory.sure(lambda: self._now().read(name))

    def read_observed(self) -> AnyArray:
        return self._memory.sure(lambda: self._now().read_observed())


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


class _Twins(Protocol):
    def __call__(self, program: Program) -> Loaded: ...


@dataclass(frozen=True, slots=True)
class _Write:
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

    def again(self, memory: Memory, twin: _Twins) -> None:
        memory.write(self.area, self.offset, self.array)


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of a Program, with all inputs as they were, and who may still ask for its results."""

    program: Program
    inputs: Mapping[str, AnyArray]
    segment: str | None
    timed: bool
    results: ref[LastingResults]

    @property
    def nbytes(self) -> int:
        return int(sum(array.nbytes for array in self.inputs.values()))

    def settle(self) -> None:
        """Fetch what somebody may still ask for."""
        wanted = self.results()
        if wanted is not None and not isinstance(wanted.results, Kept):
            wanted.results = Kept(wanted.results)

    def again(self, memory: Memory, twin: _Twins) -> None:
        done, wanted = self.done(twin), self.results()
        if wanted is not None and not isinstance(wanted.results, Kept):
            wanted.results = Kept(done)

    def done(self, twin: _Twins) -> Results:
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
