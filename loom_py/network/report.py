"""Telemetry report: memory of a network and the current state of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loom_py.engine.engine import Engine
from loom_py.engine.inputs import Feed
from loom_py.engine.layout import BUFFERS, GRADIENTS, SUMMED, WEIGHTS, read_all
from loom_py.ops import STAT_FIELDS, stats
from loom_py.runtime import wasm_heap_bytes
from loom_py.telemetry.events import LayerStats
from loom_py.telemetry.frame import StatsFrame
from loom_py.telemetry.instrument import StatsRequest, StepInfo
from loom_py.telemetry.observer import Observer
from loom_py.telemetry.statistics import LAYER_NUMBERS, NOT_MEASURED


@dataclass(frozen=True, kw_only=True)
class LayerTelemetry:
    """Current state of one layer, in numbers that can be formatted; NaN where nothing has run yet."""

    index: int
    """Position of the top-level layer in reading order."""
    path: str
    """Address of the layer."""
    type: str
    """Class name."""
    weight_norm: float
    """L2 norm of the trained values of the layer itself; 0 if it has none."""
    gradient_norm: float
    """L2 norm of their gradients after the last backward pass; 0 if it has none, NaN before the first pass."""
    activation_min: float
    """Smallest finite output for the last input, with the current weights."""
    activation_max: float
    """Largest finite output."""
    activation_mean: float
    """Mean of the finite outputs."""
    activation_std: float
    """Standard deviation of the finite outputs."""
    update_ratio: float
    """`LayerStats.update_ratio` of the last training step observed; NaN before the first, or without parameters."""
    zero_fraction: float
    """Share of outputs that are exactly 0."""
    nan_count: int
    """Outputs and trained values that are NaN."""
    inf_count: int
    """Outputs and trained values that are infinite."""


@dataclass(frozen=True, kw_only=True)
class Telemetry:
    """A network's memory and the current state of its layers."""

    memory_usage: int
    """Bytes held by the network in total."""
    memory: dict[str, int]
    """Bytes by kind: weights, gradients, optimizer, buffers, activations, gpu, recorder (observers' histories);
    wasm_heap is the whole heap of the page's Python and not part of the sum (0 outside a browser)."""
    layer_stats: tuple[LayerTelemetry, ...]
    """Every layer, nested ones after their parent."""


def make_telemetry(
    engine: Engine, last_input: Feed | None, ratios: UpdateRatios, observers: Sequence[Observer]
) -> Telemetry:
    """The report of a network: its last input is run again with the current weights."""
    outputs: list[LayerStats] = []
    if last_input is not None:
        last = Feed(last_input.x, mask=last_input.mask)
        ready = engine.inference(last.form, StatsRequest())
        engine.write_feed(ready.loaded, last)
        with engine.buffers_kept():
            ready.loaded.run()
        outputs = engine.layer_stats(ready, StepInfo(engine.steps), 0, ("forward",))
    held = sum(int(getattr(o, "memory_bytes", 0)) for o in observers)
    memory = measure_memory(engine, held, wasm_heap_bytes())
    return Telemetry(
        memory_usage=total_bytes(memory), memory=memory, layer_stats=layer_telemetry(engine, outputs, ratios.all())
    )


class UpdateRatios:
    """The newest update ratio of every layer that was measured in training; computed on demand."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._last: StatsFrame | None = None

    def note(self, frame: StatsFrame) -> None:
        """Take a frame."""
        if "backward" in frame.schema.phases:
            if self._last is not None and self._last.schema is not frame.schema:
                self.all()
            self._last = frame.subset(None, values=False, histograms=False)

    def all(self) -> dict[str, float]:
        """By path."""
        frame, self._last = self._last, None
        if frame is not None:
            schema, column = frame.schema, LAYER_NUMBERS.index("update_ratio")
            rows = zip(schema.paths, schema.stats_table.measured[:, column], strict=True)
            ratios = schema.table([frame])[0, :, column].tolist()
            self._known |= {path: ratio for (path, there), ratio in zip(rows, ratios, strict=True) if there}
        return dict(self._known)


def measure_memory(engine: Engine, recorder_bytes: int, wasm_heap: int) -> dict[str, int]:
    """Bytes by kind, from the allocated areas."""
    sizes = engine.memory.sizes
    on_host = engine.executor.name != "webgpu"
    optimizer = sum(n for name, n in sizes.items() if name.startswith("optimizer."))
    device = sum(sizes.values()) + engine.activation_bytes
    return {
        "weights": sizes[WEIGHTS],
        "gradients": sizes[GRADIENTS] + sizes.get(SUMMED, 0),
        "optimizer": optimizer,
        "buffers": sizes[BUFFERS],
        "activations": engine.activation_bytes,
        "gpu": 0 if on_host else device,
        "recorder": recorder_bytes,
        "wasm_heap": wasm_heap,
    }


def total_bytes(memory: Mapping[str, int]) -> int:
    """Bytes in all, each counted once."""
    return sum(n for kind, n in memory.items() if kind not in ("gpu", "wasm_heap"))


_OF_OUTPUTS = {
    **{f"activation_{name}": f"output_{name}" for name in ("min", "max", "mean", "std")},
    "zero_fraction": "zero_fraction",
}
"""Fields of `LayerTelemetry` and those of `LayerStats` that they are from."""


def layer_telemetry(
    engine: Engine, outputs: Sequence[LayerStats], ratios: Mapping[str, float]
) -> tuple[LayerTelemetry, ...]:
    """State of every layer from its arrays and the statistics of a forward pass (`outputs`, maybe empty)."""
    by_path = {s.path: s for s in outputs}
    weights = read_all(engine.memory, engine.layout.trained)
    gradients = read_all(engine.memory, engine.layout.trained, GRADIENTS) if engine.has_gradients else {}
    found = []
    for path, layer in engine.layers.items():
        names = [f"{path}.{p.name}" for p in layer.parameters() if p.trained]
        norm, nans, infs = _condition([weights[n] for n in names])
        gradient_norm, _, _ = _condition([gradients[n] for n in names if n in gradients])
        last = by_path.get(path)
        found.append(
            LayerTelemetry(
                index=int(path.partition(".")[0]),
                path=path,
                type=type(layer).__name__,
                weight_norm=norm,
                gradient_norm=gradient_norm if engine.has_gradients or not names else NOT_MEASURED,
                update_ratio=ratios.get(path, NOT_MEASURED),
                **{name: getattr(last, source, NOT_MEASURED) for name, source in _OF_OUTPUTS.items()},
                nan_count=nans + (last.nan_count if last else 0),
                inf_count=infs + (last.inf_count if last else 0),
            )
        )
    return tuple(found)


def _condition(arrays: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> tuple[float, int, int]:
    """L2 norm of arrays together (finite values), 0 of none, and how many values are NaN or infinite."""
    rows = [dict(zip(STAT_FIELDS, stats(a).tolist(), strict=True)) for a in arrays]
    norm = float(np.sqrt(np.nansum([r["norm"] ** 2 for r in rows])))
    return norm, int(sum(r["nan"] for r in rows)), int(sum(r["positive_inf"] + r["negative_inf"] for r in rows))
