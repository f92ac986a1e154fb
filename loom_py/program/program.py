"""A Program: a straight list of instructions over buffers of known shapes.

Memory, FLOPs, and the layer of each instruction are read from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loom_py.ops import Spec, Verb

Kind = Literal["output", "gradient", "input_gradient", "parameter", "values", "histogram"]
ARENA = "arena"
CONSTANTS = "constants"
OBSERVED = "observed"
LOCAL = (ARENA, CONSTANTS, OBSERVED)
"""Memory areas of each Program's own; all others are shared by Programs and outlive them."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """`spec` at byte `offset` of memory area `storage`.

    Attributes:
        storage: a memory area: one of LOCAL, or a persistent one such as "weights".
        root: the buffer of which this is a view; itself if it is none.
    """

    index: int
    spec: Spec
    storage: str
    offset: int
    root: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One verb on buffers; `span` is the number of the Span it belongs to."""

    verb: Verb
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    attrs: Mapping[str, Any]
    span: int


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive instructions of one layer in one phase; the unit of timing.

    `phase` is "forward", "backward", "loss", "update" or "observe".
    """

    path: str
    phase: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Instructions that run together: "forward", "backward", "update"."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Observation:
    """A small result for observers: statistics of one layer's values."""

    kind: Kind
    path: str
    phase: str
    buffer: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A Program for executors.

    Attributes:
        sizes: bytes of every memory area the Program uses; in "arena", buffers that are never alive together share
            memory.
        constants: values of the buffers in "constants", by buffer index.
        inputs, outputs: named buffers to write before a run and to read after it.
    """

    buffers: tuple[Buffer, ...]
    instructions: tuple[Instruction, ...]
    spans: tuple[Span, ...]
    segments: tuple[Segment, ...]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    observations: tuple[Observation, ...]
    constants: Mapping[int, Any]
    sizes: Mapping[str, int]
    unshared_arena: int = 0
    _flops: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def flops(self, path: str | None = None, phase: str | None = None) -> int:
        """Floating point operations of one run; only of one layer (without its children) or phase, if named."""
        total = 0
        for instruction in self.instructions:
            span = self.spans[instruction.span]
            if (path is None or span.path == path) and (phase is None or span.phase == phase):
                total += self.cost(instruction)
        return total

    def cost(self, instruction: Instruction) -> int:
        """Floating point operations of one instruction."""
        ins = [None if i is None else self.buffers[i].spec for i in instruction.inputs]
        return instruction.verb.flops(ins, [self.buffers[i].spec for i in instruction.outputs], dict(instruction.attrs))

    def segment(self, name: str) -> Segment:
        """The named segment; raises KeyError."""
        return next(s for s in self.segments if s.name == name)

    def __str__(self) -> str:
        """The Program as text for debugging, an instruction a line."""
        lines = []
        for number, i in enumerate(self.instructions):
            outs = ", ".join(self._text(b) for b in i.outputs) or "·"
            ins = ", ".join("-" if b is None else self._text(b) for b in i.inputs)
            attrs = "".join(f" {k}={v}" for k, v in i.attrs.items())
            span = self.spans[i.span]
            lines.append(f"{number:4} {span.phase:9} {span.path:12} {outs} = {i.verb.name}({ins}){attrs}")
        return "\n".join(lines)

    def _text(self, index: int) -> str:
        b = self.buffers[index]
        shape = "×".join(map(str, b.spec.shape)) or "1"
        return f"{b.name or f'%{index}'}[{shape}]@{b.storage}+{b.offset}"
