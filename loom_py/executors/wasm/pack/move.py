"""Packing of verbs that move words: any type of four or eight bytes."""

from __future__ import annotations

from collections.abc import Sequence

from loom_py.executors.strides import stretched, strided_copy
from loom_py.executors.wasm.pack.call import Call, Operand, float_word, operation, packs
from loom_py.shapes import Shape


def _moved(
    out: int, steps_out: Sequence[int], x: int, steps_x: Sequence[int], shape: Shape, itemsize: int
) -> list[int] | None:
    """out[i·steps] = x[i·steps] over a shape, steps in elements."""
    copied = strided_copy(steps_out, steps_x, shape, itemsize // 4) if itemsize in (4, 8) else None
    if copied is None:
        return None
    extents, so, sx = copied
    if copied.transposed is None:
        return operation("copy_strided", out, x, *extents, *so, *sx)
    row, others = copied.transposed
    outer = (word for words in copied.outer(others) for word in words)
    return operation("transpose", out, x, *outer, extents[row], extents[-1], so[row], sx[-1])


def _whole(out: Operand, x: Operand) -> list[int] | None:
    """Copy of all of x, in order."""
    return operation("copy", out.address, x.address, x.nbytes) if out.dtype == x.dtype else None


@packs("copy", "reshape", knows=("shape",), floats=False)
def copy(call: Call) -> list[int] | None:
    return _whole(call.outputs[0], call.input(0))


@packs("rows", knows=("start", "stop"), floats=False)
def rows(call: Call) -> list[int]:
    (out,), x = call.outputs, call.input(0)
    return operation("copy", out.address, x.address + call.attrs["start"] * (x.nbytes // x.shape[0]), out.nbytes)


@packs("store", floats=False)
def store(call: Call) -> list[int] | None:
    return _whole(call.input(0), call.input(1))


@packs("fill", knows=("shape", "value"))
def fill(call: Call) -> list[int]:
    (out,) = call.outputs
    return operation("fill", out.address, out.size, float_word(call.attrs.get("value", 0.0)))


@packs("transpose", knows=("axes",), floats=False)
def transpose(call: Call) -> list[int] | None:
    (out,), x = call.outputs, call.input(0)
    steps = [x.strides[a] for a in call.attrs["axes"]]
    return _moved(out.address, out.strides, x.address, steps, out.shape, x.dtype.itemsize)


@packs("broadcast_to", knows=("shape",), floats=False)
def broadcast_to(call: Call) -> list[int] | None:
    (out,), x = call.outputs, call.input(0)
    steps = stretched(x.shape, x.strides, out.shape)
    return _moved(out.address, out.strides, x.address, steps, out.shape, x.dtype.itemsize)


@packs("slice_axis", knows=("axis", "start", "stop"), floats=False)
def slice_axis(call: Call) -> list[int] | None:
    (out,), x = call.outputs, call.input(0)
    skipped = call.attrs["start"] * x.strides[call.attrs["axis"]] * x.dtype.itemsize
    return _moved(out.address, out.strides, x.address + skipped, x.strides, out.shape, x.dtype.itemsize)


@packs("pad", knows=("axis", "before", "after"))
def pad(call: Call) -> list[int] | None:
    (out,), x = call.outputs, call.input(0)
    skipped = call.attrs["before"] * out.strides[call.attrs["axis"]] * 4
    moved = _moved(out.address + skipped, out.strides, x.address, x.strides, x.shape, 4)
    return None if moved is None else operation("fill", out.address, out.size, 0) + moved


@packs("concat", knows=("axis",), floats=False)
def concat(call: Call) -> list[int] | None:
    (out,), axis, words, skipped = call.outputs, call.attrs["axis"], list[int](), 0
    for part in call.inputs:
        assert part is not None
        moved = _moved(out.address + skipped, out.strides, part.address, part.strides, part.shape, part.dtype.itemsize)
        if moved is None or part.dtype != out.dtype:
            return None
        words += moved
        skipped += part.shape[axis] * out.strides[axis] * part.dtype.itemsize
    return words
