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


class Results(Protocol):
    """What one run left; asking for it may wait for the run to end."""

    program: Program

    @property
    def times_ns(self) -> AnyArray | None:
        """Nanoseconds of each span when the run was timed; None where the device has no clock for it."""
        ...

    def read(self, name: str) -> AnyArray:
        """A copy of a named output."""
        ...

    def read_observed(self) -> AnyArray:
        """A copy of the whole area of observations, as bytes; `program.observations` says what lies where."""
        ...


class Loaded(Results, Protocol):
    """A Program ready to run over some Memory; what it reads are the results of its last run."""

    def write(self, name: str, value: ArrayLike) -> None:
        """Fill a named input."""
        ...

    def run(self, segment: str | None = None, *, timed: bool = False) -> None:
        """Run everything, or one segment."""
        ...

    def results(self) -> Results:
        """The results of the last run, good as long as no more than the executor's `depth` further runs are begun."""
        ...


class Executor(Protocol):
    """A way to run Programs."""

    @property
    def name(self) -> str:
        """Such as "numpy"."""
        ...

    @property
    def depth(self) -> int:
        """How many runs may be under way while their results are still to come; 0 when `run` waits for its end."""
        ...

    @property
    def software(self) -> bool:
        """Whether it runs on the processor, as software renderers do too."""
        ...

    def allocate(self, sizes: Mapping[str, int]) -> Memory:
        """Zeroed areas."""
        ...

    def load(self, program: Program, memory: Memory) -> Loaded:
        """Make a Program ready to run."""
        ...
