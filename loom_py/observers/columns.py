"""ColumnBuffer: rows gathered in one float32 array, column by column, so that they cross a border in one piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loom_py.shapes import Array


class ColumnBuffer:
    """A fixed number of named columns with room for `capacity` rows."""

    def __init__(self, columns: Sequence[str], capacity: int) -> None:
        """Allocate the room once."""
        self._data: Array = np.empty((len(columns), capacity), np.float32)
        self._capacity = capacity
        self.rows = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for another row."""
        return self.rows == self._capacity

    def add(self, values: Sequence[float | None]) -> None:
        """Add a row; None becomes NaN. The buffer must not be full."""
        # A Python float beyond float32 becomes an infinity, which is what it is there.
        with np.errstate(over="ignore"):
            self._data[:, self.rows] = [np.nan if value is None else value for value in values]
        self.rows += 1

    def take(self) -> Array:
        """All rows as a new array, column-major: column j is `data[j * rows : (j + 1) * rows]`; empties the buffer."""
        data = self._data[:, : self.rows].flatten()
        self.rows = 0
        return data
