"""Messages of the dashboard: plain dicts with columns of float32, discriminated by `kind`.

"blueprint" is the network's structure; the rows of "stats" name layers by their positions in it. "training" has a row
for each training event. Rows are column-major; an absent value is NaN. "anomaly" is an event in words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np

from loom_py.errors import ConfigError
from loom_py.shapes import AnyArray, Array
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.frame import StatsFrame, by_schema
from loom_py.telemetry.statistics import EVENT_STATISTICS, LAYER_NUMBERS, names

STATS_COLUMNS = ("step", "epoch", "layer", "phase", *LAYER_NUMBERS)
TRAINING_COLUMNS = ("step", "epoch", "batch", *names(EVENT_STATISTICS))

Message = dict[str, Any]
_training_row = attrgetter(*TRAINING_COLUMNS)


class MessageBuffer:
    """Statistics and events in order of arrival, until they are taken as messages."""

    def __init__(self) -> None:
        """Create an empty buffer."""
        self.stats = ColumnBuffer()
        self._training: list[tuple[Sequence[float | None], str]] = []
        self._positions: dict[str, int] = {}

    @property
    def rows(self) -> int:
        """Rows of the larger kind."""
        return max(self.stats.rows, len(self._training))

    def blueprint(self, blueprint: object) -> Message:
        """The message of a structure, to whose layers later rows refer."""
        tree = _as_dict(blueprint)
        self._positions = {path: position for position, path in enumerate(flatten_paths(tree.get("layers", ())))}
        return {"kind": "blueprint", "blueprint": tree}

    def add_event(self, event: TrainingEvent) -> None:
        """Add a training event."""
        self._training.append((_training_row(event), event.type))

    def take(self, most: int) -> Iterator[Message]:
        """Take everything, as messages of at most `most` rows of statistics."""
        if self.stats.rows:
            for rows, data in _pieces(self.stats.take(self._positions), most):
                yield {"kind": "stats", "columns": list(STATS_COLUMNS), "rows": rows, "data": data}
        if self._training:
            held, self._training = self._training, []
            table = np.array([row for row, _ in held], np.float64)  # NumPy converts None to NaN
            types = [kind for _, kind in held]
            for rows, data in _pieces(table, len(held)):
                columns = list(TRAINING_COLUMNS)
                yield {"kind": "training", "columns": columns, "rows": rows, "data": data, "types": types}


def anomaly(event: TrainingEvent) -> Message:
    """The message of an anomaly."""
    return {"kind": "anomaly", "event": dataclasses.asdict(event)}


def _as_dict(blueprint: object) -> dict[str, Any]:
    """The blueprint as a plain dict."""
    if dataclasses.is_dataclass(blueprint) and not isinstance(blueprint, type):
        return dataclasses.asdict(blueprint)
    if isinstance(blueprint, Mapping):
        return dict(blueprint)
    raise ConfigError.expected("blueprint", expected="a Blueprint or a dict", got=type(blueprint).__name__)


def flatten_layers(layers: Iterable[Any]) -> Iterator[Any]:
    """All layers (dicts or dataclasses), nested ones after their parent."""
    for layer in layers:
        yield layer
        yield from flatten_layers(field_of(layer, "children") or ())


def flatten_paths(layers: Iterable[Any]) -> list[str]:
    """Paths of all layers; a layer's index in this list is its position."""
    return [str(field_of(layer, "path")) for layer in flatten_layers(layers)]


def field_of(layer: Any, name: str) -> Any:
    """A field of a layer, which is a dict or a dataclass; None if it has no such field."""
    return layer.get(name) if isinstance(layer, dict) else getattr(layer, name, None)


class ColumnBuffer:
    """Frames and single records in order of arrival; their columns are computed when they are taken."""

    def __init__(self) -> None:
        """Create an empty buffer."""
        self.rows = 0
        self._held: list[StatsFrame | LayerStats] = []

    def add(self, item: StatsFrame | LayerStats) -> None:
        """Add a frame or a single record."""
        self._held.append(item)
        self.rows += 1 if isinstance(item, LayerStats) else len(item)

    def take(self, positions: Mapping[str, int]) -> AnyArray:
        """Take all rows (rows, STATS_COLUMNS), with the layers' `positions` by path; empties the buffer."""
        held, self._held, self.rows = self._held, [], 0
        parts: list[AnyArray] = []
        for _, alike in groupby(held, key=lambda item: isinstance(item, LayerStats)):
            items = list(alike)
            parts += _of_frames([i for i in items if not isinstance(i, LayerStats)], positions)
            parts += _of_records([i for i in items if isinstance(i, LayerStats)], positions)
        return np.concatenate(parts)


def _of_frames(frames: Sequence[StatsFrame], positions: Mapping[str, int]) -> Iterator[AnyArray]:
    for schema, found in by_schema(frames):
        table = np.empty((len(found), len(schema.paths), len(STATS_COLUMNS)))
        table[:, :, 0] = [[frame.step] for frame in found]
        table[:, :, 1] = [[frame.epoch] for frame in found]
        table[:, :, 2] = [positions.get(path, np.nan) for path in schema.paths]
        table[:, :, 3] = [phase == "backward" for phase in schema.phases]
        table[:, :, 4:] = schema.table(found)
        yield table.reshape(-1, len(STATS_COLUMNS))


def _of_records(records: Sequence[LayerStats], positions: Mapping[str, int]) -> Iterator[AnyArray]:
    for s in records:
        row = [s.step, s.epoch, positions.get(s.path), s.phase == "backward", *(getattr(s, n) for n in LAYER_NUMBERS)]
        yield np.array([row], np.float64)


def _pieces(rows: AnyArray, most: int) -> Iterator[tuple[int, Array]]:
    """Rows in pieces of at most `most`, each as its number of rows and its columns one after the other.

    Column j of a piece is `data[j * rows : (j + 1) * rows]`.
    """
    # A value beyond float32 becomes an infinity, as the float32 of the network would be.
    with np.errstate(over="ignore"):
        whole = rows.astype(np.float32)
    for start in range(0, len(whole), most):
        piece = whole[start : start + most]
        yield len(piece), piece.T.flatten()
