"""Observations of a Program: which of them belong to which layer's pass, and where their numbers are in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loom_py.layers import Layer
from loom_py.ops import STAT_FIELDS
from loom_py.program import Program
from loom_py.shapes import AnyArray, Shape

WORD = 8
"""Alignment of observations, bytes."""


@dataclass(slots=True)
class LayerPass:
    """One layer's pass as known before it runs: its shapes and its observations.

    Attributes:
        parts: observations by what they are: "output", "weight.<name>", "gradient.<name>", "update.<name>", …
        facts: fields of LayerStats that are the same in every run; filled in by `describe`.
        norms: observations that each norm is made of, by kind: "weight", "bias", "gradient", "update", "before".
        empty: kinds of norms that are 0, since the layer has no such parameters: "weight", "bias".
        arrays: observations of each parameter array, by its name and the kind: "weight" (its own norm), "gradient", ….
    """

    path: str
    phase: str
    input_shape: Shape
    output_shape: Shape
    parts: dict[str, int]
    facts: dict[str, Any] = field(default_factory=dict)
    norms: dict[str, list[int]] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()
    arrays: dict[str, dict[str, int]] = field(default_factory=dict)

    def describe(self, layer: Layer, /, **facts: Any) -> None:
        """Note what does not change between runs."""
        biases = {p.name for p in layer.parameters() if p.is_bias}
        groups: dict[str, list[int]] = {}
        arrays: dict[str, dict[str, int]] = {}
        for part, observation in self.parts.items():
            kind, _, name = part.partition(".")
            if name:
                arrays.setdefault(name, {})["weight" if kind == "before" else kind] = observation
                kind = "bias" if kind == "weight" and name in biases else kind
                groups.setdefault(kind, []).append(observation)
        self.norms, self.arrays = groups, arrays
        self.empty = frozenset(("weight", "bias")) - {"bias" if p.is_bias else "weight" for p in layer.parameters()}
        shapes = {"input_shape": self.input_shape, "output_shape": self.output_shape}
        self.facts = {"path": self.path, "phase": self.phase, **shapes, **facts}


class ObservationIndex:
    """Places of a Program's observations among the words of its numbers; large ones are kept apart.

    Attributes:
        singles: places of norms, counted in float32, by observation.
        rows: places of `stats` rows, counted in float64, by observation.
        large: observations that are copies of arrays, and histograms.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.singles: dict[int, int] = {}
        self.rows: dict[int, int] = {}
        self.large: list[int] = []
        words: list[int] = []
        for number, observation in enumerate(program.observations):
            buffer = program.buffers[observation.buffer]
            first = buffer.offset // WORD
            if buffer.spec.shape == () and buffer.spec.dtype == np.float32:
                self.singles[number] = 2 * len(words)
                words.append(first)
            elif buffer.spec.shape == (len(STAT_FIELDS),) and buffer.spec.dtype == np.float64:
                self.rows[number] = len(words)
                words += range(first, first + len(STAT_FIELDS))
            else:
                self.large.append(number)
        self._words = np.array(words, np.intp)
        self._contiguous = words == list(range(len(words)))

    def numbers(self, raw: AnyArray) -> AnyArray:
        """Words of all numbers, in memory of their own; `raw` is a copy of the area of observations."""
        whole = raw.view(np.uint64)
        return whole if self._contiguous and len(whole) == len(self._words) else whole[self._words]

    def arrays(self, raw: AnyArray) -> Mapping[int, AnyArray]:
        """Copies of the large observations."""
        return {number: array_in(self.program, raw, number).copy() for number in self.large}


def array_in(program: Program, raw: AnyArray, observation: int) -> AnyArray:
    """View of one observation's value in a copy of the area of observations."""
    buffer = program.buffers[program.observations[observation].buffer]
    return np.ndarray(buffer.spec.shape, buffer.spec.dtype, buffer=raw.data, offset=buffer.offset)


def spans_of(program: Program, passes: Sequence[LayerPass]) -> list[list[int]]:
    """Spans whose times add up to each pass's: its own and those of nested layers."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, span in enumerate(program.spans):
        if span.path:
            for up in range(span.path.count(".") + 1):
                found.setdefault((span.path.rsplit(".", up)[0], span.phase), []).append(number)
    return [found.get((layer_pass.path, layer_pass.phase), []) for layer_pass in passes]
