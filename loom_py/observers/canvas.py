"""CanvasObserver: columns of numbers for a live dashboard, in a few messages a second at any speed of training."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any

import numpy as np

from loom_py.config.arguments import checked
from loom_py.config.fields import BudgetShare, Range, Size
from loom_py.errors import ConfigError
from loom_py.introspect import internal
from loom_py.shapes import AnyArray, Array
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.frame import StatsFrame, by_schema
from loom_py.telemetry.observer import LoomObserver
from loom_py.telemetry.statistics import EVENT_STATISTICS, LAYER_NUMBERS, names

STATS_COLUMNS = ("step", "epoch", "layer", "phase", *LAYER_NUMBERS)
TRAINING_COLUMNS = ("step", "epoch", "batch", *names(EVENT_STATISTICS))

Message = dict[str, Any]
_training_row = attrgetter(*TRAINING_COLUMNS)


class CanvasObserver(LoomObserver):
    """Collects statistics in columns and passes them to `sink` as messages.

    Messages are plain dicts of a `kind`: "blueprint" (once per network), "stats" and "training" (columns of
    float32, column-major; an absent value is NaN), "anomaly" (at once, after the rows that led to it).
    """

    @checked
    def __init__(
        self,
        sink: Callable[[Message], None],
        *,
        every: Size = 1,
        budget: BudgetShare | None = None,
        layers: Iterable[str | int] | None = None,
        interval_s: Annotated[float, Range(0, 1e9)] = 0.05,
        capacity: Size = 4096,
    ) -> None:
        """Create the observer.

        Args:
            sink: called with each message, whose arrays it owns.
            every: collect layers at every N-th run of the network.
            budget: share of the running time that observation may take, such as 0.05; None is no limit.
            layers: collect these layer paths only; None is all.
            interval_s: shortest time in seconds between messages of statistics.
            capacity: largest number of buffered rows; a full buffer is sent before the interval ends.

        Raises:
            ConfigError: an option is out of range.
        """
        super().__init__(every=every, budget=budget, layers=layers)
        self._sink = sink
        self._interval_s = interval_s
        self._positions: dict[str, int] = {}
        self._capacity = capacity
        self._stats = ColumnBuffer()
        self._training: list[tuple[Sequence[float | None], str]] = []
        self._sent_at = time.monotonic()

    def on_attach(self, blueprint: object, config: Mapping[str, Any]) -> None:
        """Send the blueprint; later rows refer to layers by their position in it."""
        self.flush()
        tree = _as_dict(blueprint)
        self._positions = {path: position for position, path in enumerate(flatten_paths(tree.get("layers", ())))}
        self._sink({"kind": "blueprint", "blueprint": tree})

    @internal
    def on_frame(self, run: StatsFrame) -> None:
        """Buffer the frame; its rows are computed when they are sent."""
        self._add(run, len(run))

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        """Add a row of phase 0."""
        self._add(stats, 1)

    def on_layer_backward(self, layer_idx: int, stats: LayerStats) -> None:
        """Add a row of phase 1."""
        self._add(stats, 1)

    def on_training_event(self, event: TrainingEvent) -> None:
        """Add a row; an anomaly, the start and the end of training are sent at once."""
        if event.type == "anomaly":
            self.flush()
            self._sink({"kind": "anomaly", "event": dataclasses.asdict(event)})
            return
        if not self._closed:
            self._training.append((_training_row(event), event.type))
            self._send_if_due(at_once=event.type in ("train_start", "train_end"))

    def flush(self) -> None:
        """Send all buffered rows."""
        self._sent_at = time.monotonic()
        if self._stats.rows:
            in_pieces(self._stats.take(self._positions), self._capacity, self._send_stats)
        if self._training:
            held, self._training = self._training, []
            rows = np.array([row for row, _ in held], np.float64)  # NumPy converts None to NaN
            types = [kind for _, kind in held]
            in_pieces(rows, len(held), lambda count, data: self._send_training(count, data, types))

    def _add(self, item: StatsFrame | LayerStats, rows: int) -> None:
        if not self._closed:
            if self._stats.rows and self._stats.rows + rows > self._capacity:
                self.flush()
            self._stats.add(item)
            self._send_if_due()

    def _send_if_due(self, *, at_once: bool = False) -> None:
        full = max(self._stats.rows, len(self._training)) >= self._capacity
        if at_once or full or time.monotonic() - self._sent_at >= self._interval_s:
            self.flush()

    def _send_stats(self, rows: int, data: Array) -> None:
        self._sink({"kind": "stats", "columns": list(STATS_COLUMNS), "rows": rows, "data": data})

    def _send_training(self, rows: int, data: Array, types: list[str]) -> None:
        columns = list(TRAINING_COLUMNS)
        self._sink({"kind": "training", "columns": columns, "rows": rows, "data": data, "types": types})


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


def in_pieces(rows: AnyArray, most: int, send: Callable[[int, Array], None]) -> None:
    """Send rows in pieces of at most `most` rows, each as its number of rows and its columns one after the other.

    Column j of a piece is `data[j * rows : (j + 1) * rows]`.
    """
    # A value beyond float32 becomes an infinity, as the float32 of the network would be.
    with np.errstate(over="ignore"):
        whole = rows.astype(np.float32)
    for start in range(0, len(whole), most):
        piece = whole[start : start + most]
        send(len(piece), piece.T.flatten())
