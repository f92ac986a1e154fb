"""Memory that outlasts its device: what is done there is noted, and done again elsewhere when the device is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from weakref import ref

import numpy as np

from loom_py.errors import DeviceLostError, StateError
from loom_py.executors.base import Executor, Loaded, Memory, Results
from loom_py.executors.deeds import Kept, NotedRun, NotedWrite, changes_memory
from loom_py.program import Program
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
        self._deeds: list[NotedWrite | NotedRun] = []
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
        self.note(NotedWrite(area, offset, np.array(array)))

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

    def note(self, deed: NotedWrite | NotedRun) -> None:
        """Remember what was done, if it may have to be done again."""
        if self._copy is None:
            return
        if isinstance(deed, NotedWrite) and not self._deeds:
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
        runs = sum(isinstance(deed, NotedRun) for deed in deeds)
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
        run = NotedRun(self.program, dict(self._inputs), segment, timed, ref(self._last))
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
        self.run: NotedRun | None = None
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
