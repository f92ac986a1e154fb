"""Calls of arithmetic, activations, matrix products, and verbs that move values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from loom_py.ops import FUNCTIONS
from loom_py.ops.chain import PREVIOUS, Step
from tests.ops.case import Call, Draw, case, slope


@case("add", "subtract", "multiply", "divide")
def elementwise(d: Draw, verb: str) -> Call:
    left, right = d.broadcasting()
    a, b = d.values(left), d.positive(right)
    return Call((a, b), {}, (getattr(np, verb)(a, b),))


@case("exp", "copy")
def unary(d: Draw, verb: str) -> Call:
    x = d.values(d.shape(0))
    return Call((x,), {}, (np.exp(x) if verb == "exp" else x,))


@case("sum", "mean")
def reduction(d: Draw, verb: str) -> Call:
    x = d.values(d.shape())
    axes = tuple(a - d.choice(0, x.ndim) for a in d.subset(x.ndim))
    keepdims = d.choice(True, False)
    wanted = np.apply_over_axes(np.sum, x, axes)
    if verb == "mean":
        wanted = wanted * (wanted.size / x.size)
    if not keepdims:
        wanted = wanted.reshape([n for a, n in enumerate(x.shape) if a not in {b % x.ndim for b in axes}])
    return Call((x,), {"axes": axes, "keepdims": keepdims}, (wanted,))


@case("lerp")
def lerp(d: Draw, verb: str) -> Call:
    shape = d.shape()
    old, new, rate = d.values(shape), d.values(shape), np.asarray(d.choice(0.0, 0.1, 1.0))
    new[d.rng.random(shape) < 0.2] = d.choice(np.nan, np.inf)
    goal = np.where(np.isfinite(new), new, old)
    return Call((old, new, rate), {}, (), {0: (1 - rate) * old + rate * goal})


@case("store")
def store(d: Draw, verb: str) -> Call:
    old = d.values(d.shape(2))
    new = d.values((d.integer(1, len(old)), *old.shape[1:]))
    return Call((old, new), {}, (), {0: np.concatenate((new, old[len(new) :]))})


@case("fill")
def fill(d: Draw, verb: str) -> Call:
    shape, value = d.shape(), d.choice(0.0, -1.5)
    return Call((d.values(d.shape()),), {"shape": shape, "value": value}, (np.full(shape, value),))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


PLAIN: dict[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "sigmoid": sigmoid,
    "tanh": math.tanh,
    "softplus": lambda x: math.log1p(math.exp(x)),
    "gelu": lambda x: x * 0.5 * math.erfc(-x / math.sqrt(2)),
    "silu": lambda x: x * sigmoid(x),
    "elu": lambda x: x if x > 0 else math.expm1(x),
}


@case("activate")
def activate(d: Draw, verb: str) -> Call:
    function, x = d.choice(*FUNCTIONS), d.values(d.shape(0), 2.0)
    return Call((x,), {"function": function}, (np.vectorize(PLAIN[function], otypes=[float])(x),))


@case("activate_gradient")
def activate_gradient(d: Draw, verb: str) -> Call:
    function, x = d.choice(*FUNCTIONS), d.values(d.shape(1, 2, 4), 2.0)
    dy = d.values(x.shape)
    f = np.vectorize(PLAIN[function], otypes=[float])
    saved = f(x) if FUNCTIONS[function].needs == "output" else x
    wanted = slope(lambda v: float((f(v) * dy).sum()), x)
    return Call((dy, saved), {"function": function}, (wanted,), tolerance=1e-7)


@case("matmul")
def matmul(d: Draw, verb: str) -> Call:
    lead_a, lead_b = d.choice(((), ()), ((2,), (2,)), ((3,), ()), ((2, 1), (3,)), ((), (2, 3)))
    m, k, n = (d.integer(1, 5) for _ in range(3))
    a, b = d.values((*lead_a, m, k)), d.values((*lead_b, k, n))
    bias = d.values((n,)) if d.choice(True, False) else None
    wanted = np.einsum("...mk,...kn->...mn", a, b) + (0 if bias is None else bias)
    attrs = {"transpose_a": d.choice(True, False), "transpose_b": d.choice(True, False)}
    function = d.choice(None, *FUNCTIONS)
    if function is not None:
        attrs["activation"] = function
        wanted = np.vectorize(PLAIN[function], otypes=[float])(wanted)
    a = np.ascontiguousarray(a.swapaxes(-1, -2)) if attrs["transpose_a"] else a
    b = np.ascontiguousarray(b.swapaxes(-1, -2)) if attrs["transpose_b"] else b
    return Call((a, b, bias), attrs, (wanted,))


@case("reshape")
def reshape(d: Draw, verb: str) -> Call:
    x = d.values(d.shape())
    shape = d.choice((-1,), x.shape[::-1], (1, *x.shape, 1), (*x.shape[:-1], -1))
    return Call((x,), {"shape": shape}, (x.reshape(shape),))


@case("rows")
def rows(d: Draw, verb: str) -> Call:
    x = d.values(d.shape())
    start = d.integer(0, len(x) - 1)
    stop = d.integer(start + 1, len(x))
    return Call((x,), {"start": start, "stop": stop}, (x[start:stop],))


@case("transpose")
def transpose(d: Draw, verb: str) -> Call:
    x = d.values(d.shape())
    axes = d.permutation(x.ndim)
    wanted = np.zeros([x.shape[a] for a in axes])
    for place in np.ndindex(wanted.shape):
        wanted[place] = x[tuple(place[axes.index(a)] for a in range(x.ndim))]
    return Call((x,), {"axes": axes}, (wanted,))


@case("slice_axis")
def slice_axis(d: Draw, verb: str) -> Call:
    x = d.values(d.shape())
    axis = d.integer(-x.ndim, x.ndim - 1)
    start = d.integer(0, x.shape[axis] - 1)
    stop = d.integer(start + 1, x.shape[axis])
    attrs = {"axis": axis, "start": start, "stop": stop}
    return Call((x,), attrs, (np.take(x, range(start, stop), axis=axis),))


@case("pad")
def pad(d: Draw, verb: str) -> Call:
    x = d.values(d.shape())
    axis, before, after = d.integer(-x.ndim, x.ndim - 1), d.integer(0, 2), d.integer(0, 2)
    widths = [(0, 0)] * x.ndim
    widths[axis] = (before, after)
    return Call((x,), {"axis": axis, "before": before, "after": after}, (np.pad(x, widths),))


@case("concat")
def concat(d: Draw, verb: str) -> Call:
    first = d.values(d.shape())
    axis = d.integer(-first.ndim, first.ndim - 1)
    parts = [first]
    for _ in range(d.integer(0, 3)):
        shape = list(first.shape)
        shape[axis] = d.integer(1, 3)
        parts.append(d.values(tuple(shape)))
    lines = [np.moveaxis(p, axis, 0) for p in parts]
    return Call(tuple(parts), {"axis": axis}, (np.moveaxis(np.array([r for p in lines for r in p]), 0, axis),))


@case("broadcast_to")
def broadcast_to(d: Draw, verb: str) -> Call:
    shape = d.shape()
    small = tuple(d.choice(1, n) for n in shape)[d.integer(0, len(shape)) :]
    x = d.values(small)
    return Call((x,), {"shape": shape}, (x + np.zeros(shape),))


@case("chain")
def chain(d: Draw, verb: str) -> Call:
    """Up to eight steps, each on what the one before left and often on an input."""
    shape = d.shape(1, 4, 4)
    inputs = [d.values(shape), d.positive(shape)]
    steps, value = [Step("multiply", 0, 1)], inputs[0] * inputs[1]
    for _ in range(d.integer(1, 7)):
        match d.choice("function", "gradient", "input", "input"):
            case "function":
                name = d.choice(*FUNCTIONS)
                steps.append(Step(name, PREVIOUS))
                value = np.vectorize(PLAIN[name], otypes=[float])(value)
            case "gradient":
                steps.append(Step("tanh_gradient", PREVIOUS, 1))
                value = value * (1 - inputs[1] ** 2)
            case _:
                if len(inputs) < 7:
                    inputs.append(d.positive(tuple(d.choice(1, n) for n in shape)[d.integer(0, len(shape)) :]))
                name, number = d.choice("add", "subtract", "multiply", "divide"), d.integer(1, len(inputs) - 1)
                turned = name != "divide" and d.choice(True, False)  # what came so far may be 0
                steps.append(Step(name, number, PREVIOUS) if turned else Step(name, PREVIOUS, number))
                value = getattr(np, name)(*((inputs[number], value) if turned else (value, inputs[number])))
    attrs = {"steps": tuple(steps)} | d.choice({}, {"shape": (*shape, 1)}, {"shape": (value.size,)})
    return Call(tuple(inputs), attrs, (value.reshape(attrs.get("shape", shape)),))
