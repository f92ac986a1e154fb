"""Packing of the verbs of neural tweening."""

from __future__ import annotations

from loom_py.executors.wasm.pack.call import Call, double_words, float_word, operation, packs


@packs("clamp", knows=("low", "high"))
def clamp(call: Call) -> list[int]:
    low, high = float_word(call.attrs["low"]), float_word(call.attrs["high"])
    return operation("clamp", call.outputs[0].address, call.address(0), call.input(0).size, low, high)


@packs("abs")
def abs(call: Call) -> list[int]:
    return operation("abs", call.outputs[0].address, call.address(0), call.input(0).size)


@packs("count_nonfinite")
def count_nonfinite(call: Call) -> list[int]:
    return operation("count_nonfinite", call.outputs[0].address, call.address(0), call.input(0).size)


@packs("move", knows=("momentum",))
def move(call: Call) -> list[int]:
    addresses = (call.address(place) for place in range(4))
    return operation("move", *addresses, call.input(0).size, *double_words(call.attrs["momentum"]))
