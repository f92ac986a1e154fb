"""The Recorder, which turns verb calls of layers into a Program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from loom_py.ops import Spec, Tensor, Verb
from loom_py.ops import copy as copy_verb
from loom_py.program.memory import plan
from loom_py.program.passes import PASSES, Draft, Pass
from loom_py.program.program import (
    ARENA,
    CONSTANTS,
    OBSERVED,
    Buffer,
    Instruction,
    Kind,
    Observation,
    Program,
    Segment,
    Span,
)
from loom_py.program.prune import prune
from loom_py.shapes import Shape


@dataclass(slots=True)
class _Draft:
    """The Program so far, before pruning and memory planning."""

    buffers: list[Buffer]
    instructions: list[Instruction]
    spans: list[Span]
    segments: list[Segment]


class Recorder:
    """Records verb calls on Tensors; instructions without a needed result are pruned."""

    passes: ClassVar[tuple[Pass, ...]] = PASSES
    """Passes over the instructions, before memory is planned."""

    def __init__(self, dtype: Any = np.float32) -> None:
        self.dtype = np.dtype(dtype)
        self.inputs: dict[str, int] = {}
        self.outputs: dict[str, int] = {}
        self.observations: list[Observation] = []
        self._draft = _Draft([], [], [], [])
        self._constants: dict[int, Any] = {}
        self._observed = 0
        self._known_constants: dict[tuple[bytes, Shape, str], Tensor] = {}
        self._span = self._open_span("", "setup")

    # parts of a Program -----------------------------------------------------------------------------------------

    def input(self, name: str, shape: Shape, dtype: Any = None) -> Tensor:
        """A value that is written before a run."""
        tensor = self._buffer(Spec(tuple(shape), np.dtype(dtype or self.dtype)), ARENA, 0, name)
        self.inputs[name] = tensor.index
        return tensor

    def persistent(self, storage: str, offset: int, shape: Shape, name: str, dtype: Any = None) -> Tensor:
        """Part of a memory area that outlives the Program: a parameter, its gradient, optimizer state."""
        return self._buffer(Spec(tuple(shape), np.dtype(dtype or self.dtype)), storage, offset, name)

    def constant(self, value: Any) -> Tensor:
        """A fixed value; equal constants are one buffer."""
        array = np.asarray(value, self.dtype if not isinstance(value, np.ndarray) else None)
        key = (array.tobytes(), array.shape, array.dtype.str)
        if key not in self._known_constants:
            offset = sum(-(-c.nbytes // 64) * 64 for c in self._constants.values())
            tensor = self._buffer(Spec(array.shape, array.dtype), CONSTANTS, offset, "")
            self._constants[tensor.index] = array
            self._known_constants[key] = tensor
        return self._known_constants[key]

    def output(self, name: str, tensor: Tensor) -> None:
        """Keep a value to the end of the run, as a named output."""
        self.outputs[name] = tensor.index

    def observe(self, kind: Kind, path: str, phase: str, tensor: Tensor, name: str = "") -> None:
        """Keep a small value for observers, contiguous with the others, so that one read fetches all."""
        place = self._buffer(tensor.spec, OBSERVED, self._observed, "")
        self._observed += -(-tensor.spec.nbytes // 8) * 8
        self.bind(tensor, place)
        self.observations.append(Observation(kind, path, phase, place.index, name))

    @contextmanager
    def span(self, path: str, phase: str) -> Iterator[None]:
        """Context for recording one layer's work in one phase; spans nest, time counts for the innermost."""
        outer = self._draft.spans[self._span]
        self._span = self._open_span(path, phase)
        try:
            yield
        finally:
            self._span = self._open_span(outer.path, outer.phase)

    @contextmanager
    def segment(self, name: str) -> Iterator[None]:
        """Context for recording a part that can be run by itself."""
        start = len(self._draft.instructions)
        yield
        self._draft.segments.append(Segment(name, start, len(self._draft.instructions)))

    def bind(self, tensor: Tensor, place: Tensor) -> None:
        """Compute `tensor` into `place`: directly if it is an instruction's result in the arena, else by a copy."""
        root = self._draft.buffers[self._draft.buffers[tensor.index].root]
        made = any(root.index in i.outputs for i in self._draft.instructions)
        fits = root.spec.nbytes == place.spec.nbytes and tensor.shape == place.shape and tensor.dtype == place.dtype
        if not made or not fits or root.storage != ARENA or root.index in self._pinned():
            self.record(copy_verb, (tensor,), {}, into=place)
            return
        target = self._draft.buffers[place.index]
        for b in self._draft.buffers:  # views of the tensor move with it
            if b.root == root.index:
                moved = replace(b, storage=target.storage, offset=target.offset + b.offset, name=target.name)
                self._draft.buffers[b.index] = moved

    # the Records protocol -----------------------------------------------------------------------------------------

    def record(self, verb: Verb, inputs: Sequence[Any], attrs: dict[str, Any], into: Tensor | None = None) -> Any:
        """Append one instruction (none for a view) and return its outputs."""
        tensors = [None if v is None else v if isinstance(v, Tensor) else self.constant(v) for v in inputs]
        specs = verb.output_specs([None if t is None else t.spec for t in tensors], attrs)
        if verb.view is not None and tensors[0] is not None:
            return self._view(tensors[0], specs[0], verb.view(tensors[0].spec, **attrs))
        outputs = (into,) if into is not None else tuple(self._buffer(s, ARENA, 0, "") for s in specs)
        self._draft.instructions.append(
            Instruction(
                verb,
                tuple(None if t is None else t.index for t in tensors),
                tuple(t.index for t in outputs),
                attrs,
                self._span,
            )
        )
        return outputs[0] if len(outputs) == 1 else outputs

    def finish(self) -> Program:
        """Prune, apply the passes, plan memory, and return the Program."""
        d = self._draft
        keep = self._pinned()
        instructions, segments = prune(d.buffers, d.instructions, d.segments, keep)
        draft = Draft(d.buffers, instructions, segments, frozenset(keep))
        for apply in self.passes:
            draft = apply(draft)
        instructions, spans = _close_spans(draft.instructions, d.spans)
        buffers, arena, unshared = plan(draft.buffers, instructions, keep, set(self.inputs.values()))
        sizes: dict[str, int] = {ARENA: arena}
        for b in buffers:
            if b.storage != ARENA:
                sizes[b.storage] = max(sizes.get(b.storage, 0), b.offset + b.spec.nbytes)
        if self.observations:
            sizes[OBSERVED] = self._observed  # whole words of 8 bytes
        return Program(
            tuple(buffers),
            tuple(instructions),
            tuple(spans),
            tuple(draft.segments),
            dict(self.inputs),
            dict(self.outputs),
            tuple(self.observations),
            dict(self._constants),
            sizes,
            unshared,
        )

    # ---------------------------------------------------------------------------------------------------------------

    def _pinned(self) -> set[int]:
        """Buffers that must be right at the end of the run."""
        return {*self.inputs.values(), *self.outputs.values()}

    def _buffer(self, spec: Spec, storage: str, offset: int, name: str) -> Tensor:
        index = len(self._draft.buffers)
        self._draft.buffers.append(Buffer(index, spec, storage, offset, index, name))
        return Tensor(self, index, spec)

    def _view(self, of: Tensor, spec: Spec, offset: int) -> Tensor:
        base = self._draft.buffers[of.index]
        index = len(self._draft.buffers)
        self._draft.buffers.append(Buffer(index, spec, base.storage, base.offset + offset, base.root, base.name))
        return Tensor(self, index, spec)

    def _open_span(self, path: str, phase: str) -> int:
        self._draft.spans.append(Span(path, phase, 0, 0))
        return len(self._draft.spans) - 1


def _close_spans(instructions: Sequence[Instruction], spans: list[Span]) -> tuple[list[Instruction], list[Span]]:
    """Set the range of each span and drop empty ones, renumbering instructions accordingly."""
    closed: list[Span] = []
    renumbered: list[Instruction] = []
    last = -1
    for position, instruction in enumerate(instructions):
        if instruction.span != last:
            last = instruction.span
            closed.append(replace(spans[last], start=position, stop=position))
        closed[-1] = replace(closed[-1], stop=position + 1)
        renumbered.append(replace(instruction, span=len(closed) - 1))
    return renumbered, closed
