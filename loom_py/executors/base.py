"""The executor protocol. Modules above it know no hardware, modules below no mathematics of networks."""

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
        """Write an array at a byte offset of an area."""
        ...

    def read(self, area: str, offset: int, shape: tuple[int, ...], dtype: Any = np.float32) -> AnyArray:
        """Read an array from a byte offset of an area."""
        ...


class Results(Protocol):
    """Results of one run; reading may wait for its end."""

    program: Program

    @property
    def times_ns(self) -> AnyArray | None:
        """Nanoseconds of each span of a timed run; None if the device has no timer."""
        ...

    def read(self, name: str) -> AnyArray:
        """A copy of a named output."""
        ...

    def read_observed(self) -> AnyArray:
        """A copy of the whole area of observations, as bytes, laid out by `program.observations`."""
        ...


class Loaded(Results, Protocol):
    """A Program ready to run over some Memory; reads give the results of its last run."""

    def write(self, name: str, value: ArrayLike) -> None:
        """Fill a named input."""
        ...

    def run(self, segment: str | None = None, *, timed: bool = False) -> None:
        """Run everything, or one segment."""
        ...

    def results(self) -> Results:
        """The results of the last run, valid until more than the executor's `depth` further runs are started."""
        ...


class Executor(Protocol):
    """A way to run Programs."""

    @property
    def name(self) -> str:
        """Name, such as "numpy"."""
        ...

    @property
    def depth(self) -> int:
        """Most runs in flight, whose results are pending; 0 if `run` waits for its end."""
        ...

    @property
    def software(self) -> bool:
        """Whether it runs on the processor, as software renderers do too."""
        ...

    def allocate(self, sizes: Mapping[str, int]) -> Memory:
        """Allocate zeroed areas."""
        ...

    def load(self, program: Program, memory: Memory) -> Loaded:
        """Make a Program ready to run."""
        ...
