"""Packing of loss heads and of the count of correct answers."""

from __future__ import annotations

import numpy as np

from loom_py.executors.wasm.pack.call import Call, Operand, float_word, operation, packs


def _elementwise(name: str) -> None:
    @packs(name, knows=("delta",))
    def pack(call: Call) -> list[int]:
        (loss, dx), delta = call.outputs, float_word(call.attrs.get("delta", 1.0))
        return operation(name, loss.address, dx.address, call.address(0), call.address(1), dx.size, delta)


for _name in (
    "squared_error",
    "absolute_error",
    "huber_error",
    "binary_cross_entropy_logits",
    "binary_cross_entropy_probabilities",
):
    _elementwise(_name)


def _labelled(target: Operand) -> bool | None:
    """Whether a target holds labels; None for an unsupported type."""
    return {np.dtype(np.int32): True, np.dtype(np.float32): False}.get(target.dtype)


def _cross_entropy(name: str) -> None:
    @packs(name, knows=("smoothing", "ignore"), floats=False)
    def pack(call: Call) -> list[int] | None:
        (loss, dx), x, target = call.outputs, call.input(0), call.input(1)
        labelled = _labelled(target)
        weights = call.inputs[2] if len(call.inputs) > 2 else None
        if labelled is None or not (loss.is_float and x.is_float and (weights is None or weights.is_float)):
            return None
        classes, ignore = x.shape[-1], call.attrs.get("ignore")
        return operation(
            name, loss.address, dx.address, x.address, target.address, 0 if weights is None else weights.address,
            int(labelled), x.size // classes, classes, float_word(call.attrs.get("smoothing", 0.0)),
            int(ignore is not None), ignore or 0,
        )  # fmt: skip


_cross_entropy("cross_entropy_logits")
_cross_entropy("cross_entropy_probabilities")


@packs("correct_count", knows=("ignore",), floats=False)
def correct_count(call: Call) -> list[int] | None:
    (out,), x, target = call.outputs, call.input(0), call.input(1)
    labelled = _labelled(target)
    if labelled is None or not x.is_float:
        return None
    classes, ignore = x.shape[-1], call.attrs.get("ignore")
    ignored = ignore if labelled and ignore is not None else -1  # no index is -1
    words = (int(labelled), x.size // classes, classes, ignored)
    return operation("correct_count", out.address, x.address, target.address, *words)
