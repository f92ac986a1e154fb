"""Building of Plans from Programs whose areas are allocated in the heap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from loom_py.errors import UnavailableError
from loom_py.executors.webgpu.lower import JOINT, Call, Operand, lower
from loom_py.executors.webgpu.lower.call import Chooser, Finish, Joint, Row, by_rule
from loom_py.executors.webgpu.lower.device_profile import DISCRETE_GPU, DeviceProfile
from loom_py.executors.webgpu.plan import Dispatch, Plan, plan_rows
from loom_py.program import OBSERVED, Instruction, Program
from loom_py.shapes import AnyArray

REPORTED_BYTES = 64
"""Largest output that comes back with every run, such as the loss; larger ones are read on request."""


@dataclass(frozen=True, slots=True)
class Built:
    """A Plan, and the places of a Program's parts in it.

    Attributes:
        starts: first dispatch of every instruction, and the end.
        staged: byte offset of each input in the staged bytes.
        reported: byte offset of each small output in the report.
        observed: byte offset of the observations in the report.
    """

    plan: Plan
    starts: tuple[int, ...]
    staged: Mapping[str, int]
    reported: Mapping[str, int]
    observed: int


class Builder:
    """Builds the plan of one Program.

    Args:
        offsets: heap byte offset of every area.
        scratch: returns the heap byte offset of at least n bytes that any dispatch may use.
        table: writes an array into the heap for the plan's lifetime; returns its byte offset.
        choose: chooses variants of matrix products.
        profile: how reductions are divided among lanes.
        subgroups: whether kernels use subgroups.
    """

    def __init__(
        self,
        program: Program,
        offsets: Mapping[str, int],
        scratch: Callable[[int], int],
        table: Callable[[AnyArray], int],
        choose: Chooser = by_rule,
        profile: DeviceProfile = DISCRETE_GPU,
        subgroups: bool = False,
    ) -> None:
        self.program, self.offsets, self.scratch, self.table = program, offsets, scratch, table
        self.choose, self.profile, self.subgroups = choose, profile, subgroups
        self._tables: dict[int, tuple[int, AnyArray]] = {}  # by id; holding the array keeps its id unique
        self._left: dict[Finish, list[Row]] = {}
        read = (b for i in program.instructions for b in i.inputs if b is not None)
        self._read = {program.buffers[b].root for b in read}

    def build(self) -> Built:
        """Build the plan.

        Raises:
            UnavailableError: a verb that has no kernel for these types or this many axes.
        """
        groups = list(self._groups())
        starts = tuple(accumulate((len(g) for g in groups), initial=0))
        dispatches = [d for group in groups for d in group]
        kernels, rows, params = plan_rows(dispatches, lanes=self.profile.workgroup, subgroups=self.subgroups)
        inputs, staged = self._inputs()
        report, reported, observed = self._report()
        plan = Plan(
            kernels, rows, params, inputs, report,
            np.array([(starts[s.start], starts[s.stop]) for s in self.program.spans], np.uint32).reshape(-1, 2),
        )  # fmt: skip
        return Built(plan, starts, staged, reported, observed)

    def _groups(self) -> Iterator[list[Dispatch]]:
        """The dispatches of every instruction; those of a joint lowering belong to its first instruction.

        Deferred ones are at the end of their segment.
        """
        instructions = self.program.instructions
        edges = {edge for s in self.program.segments for edge in (s.start, s.stop)}
        number = 0
        while number < len(instructions):
            pieces = _Pieces(self.scratch)
            calls = [self._call(instructions[number], pieces)]
            joint = _joint(calls[0])
            stop = number + 1
            while joint and stop < len(instructions) and stop not in edges:
                call = self._call(instructions[stop], pieces)
                if _joint(call) is not joint or not (joint.ordered or _apart(call, calls)):
                    break
                calls.append(call)
                stop += 1
            group = joint.lowering(calls) if joint else self._lowered(instructions[number].verb.name, calls[0])
            if stop in edges or stop == len(instructions):
                group += self._finished()
            yield group
            yield from ([] for _ in range(number + 1, stop))
            number = stop

    def _finished(self) -> list[Dispatch]:
        """The deferred dispatches."""
        left, self._left = self._left, {}
        return [d for finish, rows in left.items() for d in finish(self._table, rows)]

    def _call(self, instruction: Instruction, pieces: _Pieces) -> Call:
        outputs = tuple(self._operand(i) for i in instruction.outputs)
        inputs = tuple(None if i is None else self._operand(i) for i in instruction.inputs)
        name, attrs = instruction.verb.name, instruction.attrs
        later = self._now if self._read.intersection(instruction.outputs) else self._later
        return Call(outputs, inputs, attrs, pieces.take, self._table, self.choose, self.profile, name, later)

    def _later(self, finish: Finish, row: Row) -> list[Dispatch]:
        self._left.setdefault(finish, []).append(row)
        return []

    def _now(self, finish: Finish, row: Row) -> list[Dispatch]:
        """Dispatches that can't be deferred, since an instruction reads their results."""
        return finish(self._table, [row])

    def _lowered(self, verb: str, call: Call) -> list[Dispatch]:
        if all(o.size == 0 for o in call.operands):
            return []
        dispatches = lower(verb, call)
        if dispatches is None:
            raise UnavailableError.expected(
                f"{verb} on the GPU",
                expected="types and axes with a kernel",
                got=f"{[(o.shape, str(o.dtype)) for o in call.inputs if o is not None]} with {dict(call.attrs)}",
                do="use another device",
            )
        return dispatches

    def _table(self, array: AnyArray) -> int:
        if id(array) not in self._tables:
            self._tables[id(array)] = self.table(array) // 4, array
        return self._tables[id(array)][0]

    def _operand(self, index: int) -> Operand:
        buffer = self.program.buffers[index]
        return Operand((self.offsets[buffer.storage] + buffer.offset) // 4, buffer.spec.shape, buffer.spec.dtype)

    def _place(self, index: int) -> tuple[int, int]:
        buffer = self.program.buffers[index]
        return self.offsets[buffer.storage] + buffer.offset, buffer.spec.nbytes

    def _inputs(self) -> tuple[np.ndarray, dict[str, int]]:
        rows, staged, end = [], dict[str, int](), 0
        for name, index in self.program.inputs.items():
            offset, nbytes = self._place(index)
            rows.append((offset, end, nbytes))
            staged[name] = end
            end += -(-nbytes // 8) * 8
        return np.array(rows, np.uint32).reshape(-1, 3), staged

    def _report(self) -> tuple[np.ndarray, dict[str, int], int]:
        rows, reported, end = [], dict[str, int](), 0
        for name, index in self.program.outputs.items():
            offset, nbytes = self._place(index)
            if 0 < nbytes <= REPORTED_BYTES:
                rows.append((offset, nbytes))
                reported[name] = end
                end += nbytes
        observed = self.program.sizes.get(OBSERVED, 0)
        if observed:
            rows.append((self.offsets[OBSERVED], observed))
        return np.array(rows, np.uint32).reshape(-1, 2), reported, end


def _joint(call: Call) -> Joint | None:
    """Joint lowering that a call may be part of."""
    joint = JOINT.get(call.verb)
    return joint if joint and call.floats and call.filled and joint.takes(call) else None


def _apart(call: Call, others: Sequence[Call]) -> bool:
    """Whether a call reads no result of the others."""
    written = [o.word for other in others for o in other.outputs]
    reads = [(o.word, o.word + o.size) for o in call.inputs if o is not None]
    return not any(start <= w < stop for w in written for start, stop in reads)


class _Pieces:
    """Allocator of an instruction's scratch memory."""

    def __init__(self, scratch: Callable[[int], int]) -> None:
        self._scratch, self._words = scratch, 0

    def take(self, words: int) -> int:
        begin = self._words
        self._words += words
        return self._scratch(4 * self._words) // 4 + begin
