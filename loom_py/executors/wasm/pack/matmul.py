"""Packing of matrix products."""

from __future__ import annotations

from loom_py.executors.step_codes import ACTIVATIONS
from loom_py.executors.strides import merged, stretched
from loom_py.executors.wasm.pack.call import Call, Operand, operation, packs

SCRATCH = 4 * 256 * (516 + 147)
"""Bytes of a packed block of each factor: KC·NC and MC·KC floats, as in kernels/matmul.c."""


@packs("matmul", knows=("transpose_a", "transpose_b", "activation"))
def matmul(call: Call) -> list[int] | None:
    """Factors are read by strides, so that transposed ones cost nothing; batches are two outer loops."""
    (out,), a, b = call.outputs, call.input(0), call.input(1)
    *_, rows, columns = out.shape
    rows_a, inner_a = _strides(a, bool(call.attrs.get("transpose_a")))
    inner_b, columns_b = _strides(b, bool(call.attrs.get("transpose_b")))
    inner = a.shape[-2] if call.attrs.get("transpose_a") else a.shape[-1]
    batch = out.shape[:-2]
    outer = merged(
        batch,
        stretched(a.shape[:-2], a.strides[:-2], batch),
        stretched(b.shape[:-2], b.strides[:-2], batch),
        out.strides[:-2],
    )
    function = call.attrs.get("activation") or "linear"
    if function not in ACTIVATIONS or outer is None or outer[0][:-2] != [1] * (len(outer[0]) - 2):
        return None
    extents, (steps_a, steps_b, steps_out) = outer[0][-2:], [s[-2:] for s in outer[1]]
    if steps_b == [0, 0] and extents[0] == 1 and inner_a == 1 and steps_a[1] == rows * rows_a:
        # One b for several contiguous a: one product of many rows.
        rows, extents = rows * extents[1], [1, 1]
    return operation(
        "matmul", out.address, a.address, b.address, call.address(2), rows, columns, inner,
        rows_a, inner_a, inner_b, columns_b, call.scratch, *extents, *steps_a, *steps_b, *steps_out,
        ACTIVATIONS.index(function),
    )  # fmt: skip


def _strides(factor: Operand, transposed: bool) -> tuple[int, int]:
    rows, columns = factor.shape[-1], 1
    return (columns, rows) if transposed else (rows, columns)
