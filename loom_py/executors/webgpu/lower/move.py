"""Lowering of verbs that move words: any type of 32 or 64 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loom_py.executors.strides import LOOPS, stretched, strided_copy
from loom_py.executors.webgpu.lower.call import Call, Operand, lowers
from loom_py.executors.webgpu.plan import Dispatch, dispatch, spread
from loom_py.shapes import Shape, size_of


def _moved(
    out: int, steps_out: Sequence[int], x: int, steps_x: Sequence[int], shape: Shape, words: int
) -> list[Dispatch] | None:
    """out[i·steps] = x[i·steps] over a shape; `out` and `x` in words, steps in elements of `words` words."""
    copied = strided_copy(steps_out, steps_x, shape, words)
    if copied is None:
        return None
    extents, so, sx = copied
    if copied.transposed is None:
        return [_strided(out, x, extents, so, sx)]
    row, others = copied.transposed
    outer = copied.outer(others)
    squares = -(-extents[row] // 32) * -(-extents[-1] // 32) * size_of(outer[0])
    numbers = (out, x, extents[row], extents[-1], so[row], sx[-1], squares, *outer[0], *outer[1], *outer[2])
    return [dispatch("transpose", *numbers, groups=spread(squares, 1))]


def _strided(out: int, x: int, extents: list[int], so: list[int], sx: list[int]) -> Dispatch:
    """One word an invocation; leading axes of extent 1 are left out, so that no index is divided in vain."""
    size, axes = size_of(extents), max(sum(n > 1 for n in extents), 1)
    extents, so, sx = ([*s[LOOPS - axes : LOOPS - axes + 1], *s[1:]] for s in (extents, so, sx))
    return dispatch("copy", size, out, x, *extents, *so, *sx, groups=spread(size), constants={"axes": axes})


def _words(x: Operand) -> int:
    """Words of an element; 0 for types that are not made of whole words."""
    return 0 if x.dtype.itemsize % 4 else x.dtype.itemsize // 4


def _whole(out: Operand, x: Operand) -> list[Dispatch] | None:
    """Copy of all of x, in order."""
    if out.dtype != x.dtype or not _words(x):
        return None
    return _moved(out.word, (1,), x.word, (1,), (x.size,), _words(x))


@lowers("copy", "reshape", knows=("shape",), floats=False)
def copy(call: Call) -> list[Dispatch] | None:
    return _whole(call.outputs[0], call.input(0))


@lowers("rows", knows=("start", "stop"), floats=False)
def rows(call: Call) -> list[Dispatch] | None:
    (out,), x = call.outputs, call.input(0)
    first = x.word + call.attrs["start"] * (x.size // x.shape[0]) * _words(x)
    return _whole(out, Operand(first, out.shape, x.dtype))


@lowers("store", floats=False)
def store(call: Call) -> list[Dispatch] | None:
    return _whole(call.input(0), call.input(1))


@lowers("fill", knows=("shape", "value"), floats=False)
def fill(call: Call) -> list[Dispatch] | None:
    (out,), value = call.outputs, call.attrs.get("value", 0.0)
    if out.dtype not in (np.float32, np.int32):
        return None
    word = float(value) if out.is_float else int(value)
    return [dispatch("fill", out.size, out.word, word, groups=spread(out.size))]


@lowers("transpose", knows=("axes",), floats=False)
def transpose(call: Call) -> list[Dispatch] | None:
    (out,), x = call.outputs, call.input(0)
    steps = [x.strides[a] for a in call.attrs["axes"]]
    return _moved(out.word, out.strides, x.word, steps, out.shape, _words(x)) if _words(x) else None


@lowers("broadcast_to", knows=("shape",), floats=False)
def broadcast_to(call: Call) -> list[Dispatch] | None:
    (out,), x = call.outputs, call.input(0)
    steps = stretched(x.shape, x.strides, out.shape)
    return _moved(out.word, out.strides, x.word, steps, out.shape, _words(x)) if _words(x) else None


@lowers("slice_axis", knows=("axis", "start", "stop"), floats=False)
def slice_axis(call: Call) -> list[Dispatch] | None:
    (out,), x = call.outputs, call.input(0)
    first = x.word + call.attrs["start"] * x.strides[call.attrs["axis"]] * _words(x)
    return _moved(out.word, out.strides, first, x.strides, out.shape, _words(x)) if _words(x) else None


@lowers("pad", knows=("axis", "before", "after"), floats=False)
def pad(call: Call) -> list[Dispatch] | None:
    (out,), x, axis = call.outputs, call.input(0), call.attrs["axis"]
    inner, words = x.strides[axis] * _words(x), out.size * _words(x)
    if not words:
        return None
    places = (out.shape[axis], call.attrs["before"], x.shape[axis], inner)
    return [dispatch("pad", words, out.word, x.word, *places, groups=spread(words))]


@lowers("concat", knows=("axis",), floats=False)
def concat(call: Call) -> list[Dispatch] | None:
    (out,), axis, found, place = call.outputs, call.attrs["axis"], list[Dispatch](), call.outputs[0].word
    for part in call.inputs:
        assert part is not None
        if part.dtype != out.dtype or not _words(part):
            return None
        if part.size:
            moved = _moved(place, out.strides, part.word, part.strides, part.shape, _words(part))
            if moved is None:
                return None
            found += moved
        place += part.shape[axis] * out.strides[axis] * _words(part)
    return found
