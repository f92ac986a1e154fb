"""Norms of a layer's parameters as they were read from a file: numbers only, in the order of the layer's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from loom_py.telemetry.events import ParameterStats
from loom_py.telemetry.statistics import NOT_MEASURED, PARAMETER_STATISTICS, names

PARAMETER_COLUMNS = names(PARAMETER_STATISTICS)


class StoredNorms(Mapping[str, ParameterStats]):
    """Norms by parameter; a `ParameterStats` is made when it is asked for.

    So a row that names many parameters takes no more memory than its numbers.
    """

    __slots__ = ("_places", "_values", "_width")

    def __init__(self, places: Mapping[str, int], rows: Sequence[Sequence[float]]) -> None:
        """Keep the numbers.

        Args:
            places: position of each parameter; shared by all records of a layer.
            rows: PARAMETER_COLUMNS of each parameter, without those at the end that were not measured.
        """
        self._places = places
        self._width = width = max(map(len, rows), default=0)
        self._values = tuple(v for row in rows for v in (*row, *[NOT_MEASURED] * (width - len(row))))

    @property
    def nbytes(self) -> int:
        """Approximate size in bytes."""
        return 120 + 32 * len(self._values)

    def __getitem__(self, name: str) -> ParameterStats:
        first = self._places[name] * self._width
        values = self._values[first : first + self._width]
        return ParameterStats(**dict(zip(PARAMETER_COLUMNS, values, strict=False)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return repr(dict(self))
