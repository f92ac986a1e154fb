"""Packing of embedding lookups and rotary positions."""

from __future__ import annotations

import numpy as np

from loom_py.executors.wasm.pack.call import Call, operation, packs
from loom_py.ops.lookup import angles


@packs("gather", floats=False)
def gather(call: Call) -> list[int] | None:
    (out,), table, ids = call.outputs, call.input(0), call.input(1)
    if ids.dtype != np.int32 or table.dtype.itemsize != 4:
        return None
    rows = table.shape[0]
    return operation("gather", out.address, table.address, ids.address, ids.size, rows, table.size // rows)


@packs("scatter_add", knows=("count",), floats=False)
def scatter_add(call: Call) -> list[int] | None:
    (out,), dy, ids = call.outputs, call.input(0), call.input(1)
    if ids.dtype != np.int32 or not dy.is_float:
        return None
    rows = out.shape[0]
    return operation("scatter_add", out.address, dy.address, ids.address, ids.size, rows, out.size // rows)


@packs("rotary", knows=("inverse", "base"))
def rotary(call: Call) -> list[int]:
    (out,) = call.outputs
    time, half = out.shape[-2], out.shape[-1] // 2
    cos, sin = angles(time, half, call.attrs.get("base", 10000.0), np.dtype(np.float32))
    sign = -1 if call.attrs.get("inverse") else 1
    tables = call.keep(cos), call.keep(sin)
    return operation("rotary", out.address, call.address(0), *tables, out.size // (2 * time * half), time, half, sign)
