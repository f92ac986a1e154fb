"""Packing of softmax and its sparse variants."""

from __future__ import annotations

from loom_py.executors.strides import LOOPS, merged, stretched
from loom_py.executors.wasm.pack.call import Call, Operand, float_word, operation, packs
from loom_py.executors.wasm.pack.matmul import SCRATCH


@packs("softmax", knows=("temperature", "causal"), floats=False)
def softmax(call: Call) -> list[int] | None:
    (out,), x = call.outputs, call.input(0)
    mask = call.inputs[1] if len(call.inputs) > 1 else None
    if not (out.is_float and x.is_float):
        return None
    width, outer = x.shape[-1], x.shape[:-1]
    steps: tuple[int, ...] = (0,) * len(x.shape)
    if mask is not None:
        if mask.dtype.kind not in "iuf" or mask.dtype.itemsize != 4:
            return None
        steps = stretched(mask.shape, mask.strides, x.shape)
    loops = merged(outer, steps[:-1])
    if loops is None or loops[0][0] != 1:
        return None
    extents, (along,) = loops
    inverse = float_word(1 / call.attrs.get("temperature", 1.0))
    return operation(
        "softmax", out.address, x.address, 0 if mask is None else mask.address, width, inverse,
        int(call.attrs.get("causal", False)), *extents[LOOPS - 4 :], *along[LOOPS - 4 :], steps[-1],
    )  # fmt: skip


def _rows(out: Operand) -> tuple[int, int]:
    width = out.shape[-1] if out.shape else 1
    return out.size // width, width


@packs("softmax_gradient", knows=("temperature",))
def softmax_gradient(call: Call) -> list[int]:
    (out,) = call.outputs
    inverse = float_word(1 / call.attrs.get("temperature", 1.0))
    return operation("softmax_gradient", out.address, call.address(0), call.address(1), *_rows(out), inverse)


@packs("entmax", knows=("alpha", "temperature"))
def entmax(call: Call) -> list[int] | None:
    (out,), alpha = call.outputs, call.attrs["alpha"]
    rows, width = _rows(out)
    if alpha not in (1.5, 2.0) or 4 * width > SCRATCH:
        return None
    scale = float_word((alpha - 1) / call.attrs.get("temperature", 1.0))
    return operation("entmax", out.address, call.address(0), rows, width, scale, int(alpha == 1.5), call.scratch)


@packs("entmax_gradient", knows=("alpha", "temperature"))
def entmax_gradient(call: Call) -> list[int] | None:
    (out,), alpha = call.outputs, call.attrs["alpha"]
    inverse = float_word(1 / call.attrs.get("temperature", 1.0))
    if alpha not in (1.5, 2.0):
        return None
    words = (out.address, call.address(0), call.address(1), *_rows(out), inverse, int(alpha == 1.5))
    return operation("entmax_gradient", *words)
