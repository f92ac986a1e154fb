"""Calls of the window verbs, checked by loops over every cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from loom_py.shapes import AnyArray, Shape
from tests.ops.case import Call, Draw, case


def geometry(d: Draw) -> tuple[AnyArray, dict[str, Any], Shape]:
    """An input of one or two spatial axes, windows that fit into it, and how many of them there are along each axis."""
    axes = d.integer(1, 2)
    size, stride, dilation = (tuple(d.integer(1, 3) for _ in range(axes)) for _ in range(3))
    padding = tuple(d.integer(0, k // 2) for k in size)
    spans = [dl * (k - 1) + 1 for k, dl in zip(size, dilation, strict=True)]
    extents = tuple(max(s - 2 * p, 1) + d.integer(0, 4) for s, p in zip(spans, padding, strict=True))
    counts = []
    for n, span, s, p in zip(extents, spans, stride, padding, strict=True):
        counts.append(len(range(-p, n + p - span + 1, s)))
    x = d.values((d.integer(1, 3), d.integer(1, 3), *extents))
    return x, {"size": size, "stride": stride, "padding": padding, "dilation": dilation}, tuple(counts)


def meetings(shape: Shape, attrs: dict[str, Any], counts: Shape) -> Iterator[tuple[Shape, Shape, Shape]]:
    """(place in the window, window, cell of the input) wherever that cell is no padding."""
    dilation = attrs.get("dilation", (1,) * len(counts))
    for place in np.ndindex(*attrs["size"]):
        for window in np.ndindex(*counts):
            parts = zip(window, attrs["stride"], place, dilation, attrs["padding"], strict=True)
            cell = tuple(w * s + k * dl - p for w, s, k, dl, p in parts)
            if all(0 <= c < n for c, n in zip(cell, shape, strict=True)):
                yield place, window, cell


@case("unfold")
def unfold(d: Draw, verb: str) -> Call:
    x, attrs, counts = geometry(d)
    n, c, *extents = x.shape
    wanted = np.zeros((c, *attrs["size"], n, *counts))
    for place, window, cell in meetings(tuple(extents), attrs, counts):
        wanted[(slice(None), *place, slice(None), *window)] = x[(slice(None), slice(None), *cell)].T
    return Call((x,), attrs, (wanted,))


@case("fold")
def fold(d: Draw, verb: str) -> Call:
    x, attrs, counts = geometry(d)
    n, c, *extents = x.shape
    columns, wanted = d.values((c, *attrs["size"], n, *counts)), np.zeros_like(x)
    for place, window, cell in meetings(tuple(extents), attrs, counts):
        wanted[(slice(None), slice(None), *cell)] += columns[(slice(None), *place, slice(None), *window)].T
    steps = {key: attrs[key] for key in ("stride", "padding", "dilation")}
    return Call((columns,), {"shape": tuple(extents), **steps}, (wanted,))


@case("max_pool", "max_pool_gradient")
def max_pool(d: Draw, verb: str) -> Call:
    x, attrs, _ = geometry(d)
    del attrs["dilation"]
    steps = zip(x.shape[2:], attrs["size"], attrs["stride"], attrs["padding"], strict=True)
    counts = tuple((n + 2 * p - k) // s + 1 for n, k, s, p in steps)
    x = np.round(x)  # so that there are equals
    y = np.full((*x.shape[:2], *counts), -np.inf)
    index, source = np.full(y.shape, -1, np.int32), {}
    for place, window, cell in meetings(x.shape[2:], attrs, counts):
        for head in np.ndindex(*x.shape[:2]):
            if x[(*head, *cell)] > y[(*head, *window)]:
                y[(*head, *window)] = x[(*head, *cell)]
                index[(*head, *window)] = np.ravel_multi_index(place, attrs["size"])
                source[(*head, *window)] = (*head, *cell)
    if verb == "max_pool":
        return Call((x,), attrs, (y, index))
    dy, wanted = d.values(y.shape), np.zeros_like(x)
    for window, cell in source.items():
        wanted[cell] += dy[window]
    return Call((dy, index), {"shape": x.shape[2:], **attrs}, (wanted,))
