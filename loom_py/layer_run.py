"""What a watched run hands to observers: numbers that cost next to nothing to keep, and records when they are wanted.

A record is an object of some thirty fields; a run of a small network takes less time than making one for each layer.
So a run is handed over as it is, and an observer that packs numbers into arrays takes those of many runs at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from loom_py.shapes import AnyArray

if TYPE_CHECKING:
    from loom_py.telemetry.events import LayerStats, Phase

NUMBERS = (
    "weight_norm",
    "bias_norm",
    "gradient_norm",
    "input_gradient_norm",
    "update_ratio",
    "output_min",
    "output_max",
    "output_mean",
    "output_std",
    "zero_fraction",
    "dead_units",
    "nan_count",
    "inf_count",
    "compute_time_ns",
)
"""The fields of `LayerStats` that are numbers of a layer, in the order of a run's table."""


class RunLayout(Protocol):
    """What is the same in every run of one Program: which records it gives, and how their numbers are made."""

    @property
    def paths(self) -> Sequence[str]:
        """Path of each record's layer, in order of execution."""
        ...

    @property
    def phases(self) -> Sequence[Phase]:
        """Phase of each record."""
        ...

    def table(self, runs: Sequence[LayerRun]) -> AnyArray:
        """NUMBERS of all records of runs of this layout, (runs, records, numbers); NaN where nothing was measured."""
        ...

    def records(self, runs: Sequence[LayerRun]) -> Iterator[LayerStats]:
        """The records of runs of this layout, new objects that share nothing."""
        ...


class LayerRun(Protocol):
    """One run of a network as it was watched; nothing in it changes any more."""

    step: int
    epoch: int
    batch: int
    time_ns: int

    @property
    def layout(self) -> RunLayout:
        """What its numbers mean."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        ...

    def value_bytes(self, record: int) -> int:
        """Bytes of output values that a record of it holds."""
        ...

    def __len__(self) -> int:
        """Number of records."""
        ...


def records_of(runs: Iterable[LayerRun]) -> Iterator[LayerStats]:
    """The records of runs of any layout, in order."""
    for layout, found in by_layout(runs):
        yield from layout.records(found)


def by_layout(runs: Iterable[LayerRun]) -> Iterator[tuple[RunLayout, list[LayerRun]]]:
    """Neighbouring runs of one layout together."""
    for _, found in groupby(runs, key=lambda run: id(run.layout)):
        alike = list(found)
        yield alike[0].layout, alike
