"""Telemetry: what a network weighs and how it is doing, now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loom_py.engine.engine import Engine
from loom_py.engine.layout import BUFFERS, GRADIENTS, SUMMED, WEIGHTS, read_all
from loom_py.ops import STAT_FIELDS, stats
from loom_py.telemetry.events import LayerStats


@dataclass(frozen=True, kw_only=True)
class LayerTelemetry:
    """State of one layer. None: it has no such thing, or nothing has run yet."""

    index: int
    """Position of the top-level layer in reading order."""
    path: str
    """Where the layer stands."""
    type: str
    """Class name."""
    weight_norm: float | None
    """L2 norm of all trained values of the layer's own."""
    gradient_norm: float | None
    """L2 norm of their gradients after the last backward pass."""
    activation_min: float | None
    """Smallest finite output for the last input, with the weights of now."""
    activation_max: float | None
    """Largest finite output."""
    activation_mean: float | None
    """Mean of the finite outputs."""
    activation_std: float | None
    """Standard deviation of the finite outputs."""
    update_ratio: float | None
    """RMS of the last update over RMS of the weights; None until a training step was observed."""
    zero_fraction: float | None
    """Share of outputs that are exactly 0."""
    nan_count: int
    """Outputs and trained values that are NaN."""
    inf_count: int
    """Outputs and trained values that are infinite."""


@dataclass(frozen=True, kw_only=True)
class Telemetry:
    """A network's memory and the state of its layers."""

    memory_usage: int
    """Bytes held by the network, all kinds together."""
    memory: dict[str, int]
    """Bytes by kind: weights, gradients, optimizer, buffers, activations, gpu, recorder (observers' histories);
    wasm_heap is the whole heap of the page's Python and not part of the sum (0 outside a browser)."""
    layer_stats: tuple[LayerTelemetry, ...]
    """Every layer, nested ones after their parent."""


def measure_memory(engine: Engine, recorder_bytes: int, wasm_heap: int) -> dict[str, int]:
    """Bytes by kind, from the areas as they were allocated."""
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


def layer_telemetry(
    engine: Engine, outputs: Sequence[LayerStats], ratios: Mapping[str, float]
) -> tuple[LayerTelemetry, ...]:
    """State of every layer from its arrays and the statistics of a forward pass (`outputs`, maybe none)."""
    by_path = {s.path: s for s in outputs}
    weights = read_all(engine.memory, engine.layout.trained)
    gradients = read_all(engine.memory, engine.layout.trained, GRADIENTS) if engine.has_gradients else {}
    found = []
    for path, layer in engine.layers.items():
        names = [f"{path}.{p.name}" for p in layer.parameters() if p.trained]
        norm, nans, infs = _condition([weights[n] for n in names])
        gradient_norm, _, _ = _condition([gradients[n] for n in names if n in gradients])
        seen = by_path.get(path)
        found.append(
            LayerTelemetry(
                index=int(path.partition(".")[0]),
                path=path,
                type=type(layer).__name__,
                weight_norm=norm,
                gradient_norm=gradient_norm,
                update_ratio=ratios.get(path),
                activation_min=seen.output_min if seen else None,
                activation_max=seen.output_max if seen else None,
                activation_mean=seen.output_mean if seen else None,
                activation_std=seen.output_std if seen else None,
                zero_fraction=seen.zero_fraction if seen else None,
                nan_count=nans + (seen.nan_count if seen else 0),
                inf_count=infs + (seen.inf_count if seen else 0),
            )
        )
    return tuple(found)


def _condition(arrays: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> tuple[float | None, int, int]:
    """L2 norm of arrays together (finite values), and how many values are NaN or infinite."""
    if not arrays:
        return None, 0, 0
    rows = [dict(zip(STAT_FIELDS, stats(a).tolist(), strict=True)) for a in arrays]
    norm = float(np.sqrt(np.nansum([r["norm"] ** 2 for r in rows])))
    return norm, int(sum(r["nan"] for r in rows)), int(sum(r["positive_inf"] + r["negative_inf"] for r in rows))
