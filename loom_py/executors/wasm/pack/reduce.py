"""Packing of sums, means and normalisation."""

from __future__ import annotations

from loom_py.executors.strides import split
from loom_py.executors.wasm.pack.call import Call, float_word, operation, packs


def _sum(name: str) -> None:
    @packs(name, knows=("axes", "keepdims"))
    def pack(call: Call) -> list[int] | None:
        (out,), x = call.outputs, call.input(0)
        parts = split(x.shape, call.attrs["axes"])
        scale = out.size / x.size if name == "mean" else 1.0
        return parts and operation("sum", out.address, x.address, float_word(scale), *parts.words)


_sum("sum")
_sum("mean")


@packs("moments", knows=("axes",))
def moments(call: Call) -> list[int] | None:
    (mean, variance), x = call.outputs, call.input(0)
    parts = split(x.shape, call.attrs["axes"])
    return parts and operation("moments", mean.address, variance.address, x.address, *parts.words)


@packs("normalise", knows=("axes", "eps", "centre"))
def normalise(call: Call) -> list[int] | None:
    (normal, rstd), x = call.outputs, call.input(0)
    parts = split(x.shape, call.attrs["axes"])
    centre, eps = int(call.attrs.get("centre", True)), float_word(call.attrs["eps"])
    return parts and operation("normalise", normal.address, rstd.address, x.address, eps, centre, *parts.words)


@packs("normalise_gradient", knows=("axes", "centre"))
def normalise_gradient(call: Call) -> list[int] | None:
    (out,), centre = call.outputs, int(call.attrs.get("centre", True))
    parts = split(out.shape, call.attrs["axes"])
    addresses = (call.address(place) for place in range(3))
    return parts and operation("normalise_gradient", out.address, *addresses, centre, *parts.words)
