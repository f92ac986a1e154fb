"""Failover: memory that survives the loss of its device, by a checkpoint on the host and a log of what to replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from weakref import ref

import numpy as np

from loom_py.errors import DeviceLostError, StateError
from loom_py.executors.base import Executor, Loaded, Memory, Results
from loom_py.executors.replay_log import LoggedRun, LoggedWrite, SavedResults, changes_memory
from loom_py.program import Program
from loom_py.shapes import AnyArray, ArrayLike

MOST_LOGGED = 256
"""Writes and runs in the log before the next checkpoint."""
MOST_BYTES = 64 << 20
"""Bytes of their data before the next checkpoint."""
T = TypeVar("T")


class FailoverMemory:
    """Persistent areas on a device that may be lost.

    A checkpoint on the host and the log of all writes and runs since then reproduce the areas at any time. The first
    `DeviceLostError` makes a spare executor replay the log; callers see no difference.

    Attributes:
        executor: the executor that holds the areas now.
        checkpoints: number of checkpoints taken.
    """

    def __init__(
        self, executor: Executor, sizes: Mapping[str, int], spare: Callable[[], Executor], notify: Callable[[str], None]
    ) -> None:
        """Allocate zeroed areas.

        Args:
            executor: the executor to start on.
            sizes: bytes of each area.
            spare: returns the executor that takes over.
            notify: receives a message when it has taken over.
        """
        self.executor, self.checkpoints = executor, 0
        self._spare, self._notify = spare, notify
        self._sizes = dict(sizes)
        self._checkpoint: dict[str, AnyArray] | None = {name: np.zeros(n, np.uint8) for name, n in sizes.items()}
        self._log: list[LoggedWrite | LoggedRun] = []
        self._logged_bytes = 0
        self._replayed: dict[int, Loaded] = {}  # by id of their Program: loaded during the replay
        self._real: Memory | None = None
        self._real = self.with_failover(lambda: self._real or executor.allocate(sizes))

    @property
    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    @property
    def real(self) -> Memory:
        """The areas on the current executor."""
        assert self._real is not None
        return self._real

    def write(self, area: str, offset: int, array: AnyArray) -> None:
        self.with_failover(lambda: self.real.write(area, offset, array))
        self.log(LoggedWrite(area, offset, np.array(array)))

    def read(self, area: str, offset: int, shape: tuple[int, ...], dtype: Any = np.float32) -> AnyArray:
        return self.with_failover(lambda: self.real.read(area, offset, shape, dtype))

    def load(self, program: Program) -> FailoverLoaded:
        """Make a Program ready to run over these areas, on whichever executor holds them."""
        return FailoverLoaded(self, program)

    def with_failover(self, call: Callable[[], T]) -> T:
        """Result of a call; if the device is lost, the areas move to the spare executor and the call is repeated."""
        try:
            return call()
        except DeviceLostError as error:
            if self._checkpoint is None:  # the spare executor was lost as well
                raise
            self._move(error, self._checkpoint)
        return call()

    def loaded(self, program: Program) -> Loaded:
        """A Program on the current executor; the one that the replay loaded, if it did."""
        return self._replayed.pop(id(program), None) or self.executor.load(program, self.real)

    def log(self, entry: LoggedWrite | LoggedRun) -> None:
        """Append to the log; a write straight after a checkpoint goes into the checkpoint instead."""
        if self._checkpoint is None:
            return
        if isinstance(entry, LoggedWrite) and not self._log:
            entry.into(self._checkpoint[entry.area])
        else:
            self._log.append(entry)
            self._logged_bytes += entry.nbytes

    def checkpoint_if_due(self) -> None:
        """Take a checkpoint when the log is long, so that a replay stays short and the log small."""
        if len(self._log) >= MOST_LOGGED or self._logged_bytes > MOST_BYTES:
            self.with_failover(self.checkpoint)

    def checkpoint(self) -> None:
        """Copy the areas to the host and clear the log; waits for all runs in flight."""
        if self._checkpoint is None:
            return
        for entry in self._log:
            entry.save_results()  # the run can't be repeated once the log is cleared
        self._checkpoint = {name: self.real.read(name, 0, (nbytes,), np.uint8) for name, nbytes in self._sizes.items()}
        self._log, self._logged_bytes = [], 0
        self.checkpoints += 1

    def _move(self, error: DeviceLostError, copy: Mapping[str, AnyArray]) -> None:
        """Restore the checkpoint on the spare executor and replay the log there."""
        lost, self.executor = self.executor.name, self._spare()
        self._real = self.executor.allocate(self._sizes)
        for name, raw in copy.items():
            self._real.write(name, 0, raw)
        log, self._log, self._checkpoint = self._log, [], None
        for entry in log:
            entry.replay(self._real, self._replayed_program)
        runs = sum(isinstance(entry, LoggedRun) for entry in log)
        self._notify(
            f"{lost} was lost ({error}); {self.executor.name} takes over: {runs} runs were replayed and none is missing"
        )

    def _replayed_program(self, program: Program) -> Loaded:
        if id(program) not in self._replayed:
            self._replayed[id(program)] = self.executor.load(program, self.real)
        return self._replayed[id(program)]


class FailoverLoaded:
    """A Program over failover memory."""

    def __init__(self, memory: FailoverMemory, program: Program) -> None:
        self.program, self._memory = program, memory
        self._changes = changes_memory(program)
        self._inputs: dict[str, AnyArray] = {}
        self._checkpoint = -1  # the memory's count when the Program last ran from its start
        self._real = memory.with_failover(lambda: memory.loaded(program))
        self._of = memory.executor
        self._last = FailoverResults(memory, self._real.results())

    @property
    def real(self) -> Loaded:
        """The Program on the current executor."""
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
            memory.checkpoint_if_due()
            self._checkpoint = memory.checkpoints

        def do() -> Results:
            if not begins and self._of is not memory.executor and self._checkpoint != memory.checkpoints:
                raise StateError("the forward pass was lost with its device; do: run it again (forward_cpu)")
            self.real.run(segment, timed=timed)
            return self.real.results()

        self._last = FailoverResults(memory, memory.with_failover(do))
        run = LoggedRun(self.program, dict(self._inputs), segment, timed, ref(self._last))
        if segment is None and not self._changes:
            self._last.run = run
        elif self._checkpoint == memory.checkpoints:
            memory.log(run)
        else:
            memory.with_failover(memory.checkpoint)  # no replay: the segments before it left the log

    def results(self) -> FailoverResults:
        return self._last

    @property
    def times_ns(self) -> AnyArray | None:
        return self._last.times_ns

    def read(self, name: str) -> AnyArray:
        return self._last.read(name)

    def read_observed(self) -> AnyArray:
        return self._last.read_observed()


class FailoverResults:
    """Results of a run, from the device or, once that is lost, from the run's replay."""

    def __init__(self, memory: FailoverMemory, results: Results) -> None:
        self.program = results.program
        self.run: LoggedRun | None = None
        """The run, for replay, when it changed no memory and so is not in the log."""
        self._memory, self._of, self.results = memory, memory.executor, results

    def _now(self) -> Results:
        if self.run is not None and self._of is not self._memory.executor:
            self._of = self._memory.executor
            self.results = SavedResults(self.run.run(self._memory.loaded))
        return self.results

    @property
    def times_ns(self) -> AnyArray | None:
        return self._memory.with_failover(lambda: self._now().times_ns)

    def read(self, name: str) -> AnyArray:
        return self._memory.with_failover(lambda: self._now().read(name))

    def read_observed(self) -> AnyArray:
        return self._memory.with_failover(lambda: self._now().read_observed())
