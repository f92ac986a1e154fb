"""What an executor is: everything above knows no hardware, everything below no mathematics of networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from loom_py.program import Program
from loom_py.shapes import AnyArray, ArrayLike


class Memory(Protocol):
    """Areas that outlive Programs: weights, gradients, optimizer state."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes of each area."""
        ...

    def write(self, area: str, offset: int, array: AnyArray) -> None:
        """Copy an array in at a byte offset."""
        ...

    def read(self, area: str, offset: int, shape: tuple[int, ...], dtype: Any = np.float32) -> AnyArray:
        """Copy an array out."""
        ...


class Loaded(Protocol):
    """A Program ready to run over some Memory."""

    program: Program
    times_ns: AnyArray
    """Nanoseconds of each span in the last timed run."""

    def write(self, name: str, value: ArrayLike) -> None:
        """Fill a named input."""
        ...

    def run(self, segment: str | None = None, *, timed: bool = False) -> None:
        """Run everything, or one segment."""
        ...

    def read(self, name: str) -> AnyArray:
        """A copy of a named output."""
        ...

    def read_observed(self) -> AnyArray:
        """A copy of the whole area of observations, as bytes; `program.observations` says what lies where."""
        ...


class Executor(Protocol):
    """A way to run Programs."""

    @property
    def name(self) -> str:
        """Such as "numpy"."""
        ...

    def allocate(self, sizes: Mapping[str, int]) -> Memory:
        """Zeroed areas."""
        ...

    def load(self, program: Program, memory: Memory) -> Loaded:
        """Make a Program ready to run."""
        ...
