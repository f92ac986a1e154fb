"""Packing of statistics and histograms."""

from __future__ import annotations

from loom_py.executors.wasm.pack.call import Call, operation, packs
from loom_py.ops.histogram import BINS
from loom_py.shapes import size_of


@packs("histogram", floats=False)
def histogram(call: Call) -> list[int] | None:
    (counts,), x = call.outputs, call.input(0)
    return operation("histogram", counts.address, x.address, x.size) if x.is_float and counts.size == BINS else None


@packs("stats", knows=("unit_axis",), floats=False)
def stats(call: Call) -> list[int] | None:
    (row,), x, axis = call.outputs, call.input(0), call.attrs.get("unit_axis")
    if not x.is_float:
        return None
    units = (0, 1, 1, 1)
    if axis is not None:
        axis %= len(x.shape)
        units = (1, size_of(x.shape[:axis]), x.shape[axis], size_of(x.shape[axis + 1 :]))
    return operation("stats", row.address, x.address, x.size, *units)
