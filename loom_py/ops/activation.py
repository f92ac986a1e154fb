"""Activation functions and their derivatives, declared once in a table and used by two verbs.

`activate` computes y = f(x). `activate_gradient` computes dx = dy · f'(x): from y where f' is a function of y, which
frees the memory of x early, else from x, as the table declares.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import numpy as np

from loom_py.ops.verb import same, verb
from loom_py.shapes import AnyArray

ActivationName = Literal["linear", "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu", "silu", "elu"]
LEAKY_SLOPE = 0.01

_erfc64 = np.frompyfunc(math.erfc, 1, 1)
_TAIL = (
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
    -1.26551223,
)  # fmt: skip
"""Chebyshev fit of log(erfc(z)/t) + z² in t = 1 / (1 + z/2), highest power first (Press et al., `erfcc`)."""


def normal_share(x: AnyArray) -> AnyArray:
    """Φ(x) = erfc(-x/√2) / 2, the share of a normal distribution below x.

    Exact in float64. In float32 its relative error is below 5e-7 above 0 and grows to 2e-5 at -12, where Φ is 1e-33.
    """
    if x.dtype == np.float64:
        return np.asarray(0.5 * _erfc64(-x * math.sqrt(0.5)), dtype=np.float64)
    z = np.abs(x) * x.dtype.type(math.sqrt(0.5))
    t = 1 / (1 + 0.5 * z)
    tail = 0.5 * t * np.exp(_horner(_TAIL, t) - z * z)
    return np.asarray(np.where(x < 0, tail, 1 - tail))


def _horner(coefficients: tuple[float, ...], x: AnyArray) -> AnyArray:
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total *= x
        total += x.dtype.type(c)
    return total


def sigmoid_into(out: AnyArray, x: AnyArray) -> None:
    """1 / (1 + exp(-x)), which keeps its tail; where exp(-x) overflows it is 0."""
    np.negative(x, out=out)
    with np.errstate(over="ignore"):
        np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)


def _sigmoid(x: AnyArray) -> AnyArray:
    out = np.empty_like(x)
    sigmoid_into(out, x)
    return out


def _softplus(out: AnyArray, x: AnyArray) -> None:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    positive = np.maximum(x, 0)
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += positive


def _gelu(out: AnyArray, x: AnyArray) -> None:
    """x · Φ(x) with Φ the normal distribution (Hendrycks & Gimpel 2016), not the tanh approximation."""
    np.multiply(x, normal_share(x), out=out)


def _gelu_gradient(out: AnyArray, dy: AnyArray, x: AnyArray) -> None:
    """Φ(x) + x·φ(x)."""
    density = np.exp(-0.5 * x * x) * x.dtype.type(1 / math.sqrt(2 * math.pi))
    slope = normal_share(x) + x * density
    np.multiply(dy, slope, out=out)


def _silu(out: AnyArray, x: AnyArray) -> None:
    np.multiply(x, _sigmoid(x), out=out)


def _silu_gradient(out: AnyArray, dy: AnyArray, x: AnyArray) -> None:
    s = _sigmoid(x)
    np.multiply(dy, s * (1 + x * (1 - s)), out=out)


def _elu(out: AnyArray, x: AnyArray) -> None:
    """x for x > 0, else exp(x) - 1 (Clevert et al. 2015, α = 1)."""
    negative = np.expm1(np.minimum(x, 0))
    np.maximum(x, 0, out=out)
    out += negative


class Function(NamedTuple):
    """An activation: forward(out, x), gradient(out, dy, x or y), what the gradient needs, FLOPs per element.

    `bounds`: limits of the outputs. `reach`: lowest and highest output that tweening may aim at.
    """

    forward: Callable[[AnyArray, AnyArray], None]
    gradient: Callable[[AnyArray, AnyArray, AnyArray], None]
    needs: Literal["input", "output"]
    flops: int
    saturates: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)
    reach: tuple[float, float] = (-math.inf, math.inf)


def _relu(out: AnyArray, x: AnyArray) -> None:
    np.maximum(x, 0, out=out)


def _leaky(out: AnyArray, x: AnyArray) -> None:
    np.maximum(x, x * x.dtype.type(LEAKY_SLOPE), out=out)


def _relu_gradient(out: AnyArray, dy: AnyArray, y: AnyArray) -> None:
    np.multiply(dy, y > 0, out=out)


def _leaky_gradient(out: AnyArray, dy: AnyArray, y: AnyArray) -> None:
    np.multiply(dy, np.where(y > 0, y.dtype.type(1), y.dtype.type(LEAKY_SLOPE)), out=out)


def _tanh(out: AnyArray, x: AnyArray) -> None:
    np.tanh(x, out=out)


def _sigmoid_gradient(out: AnyArray, dy: AnyArray, y: AnyArray) -> None:
    np.multiply(dy, y * (1 - y), out=out)


def _tanh_gradient(out: AnyArray, dy: AnyArray, y: AnyArray) -> None:
    np.multiply(dy, 1 - y * y, out=out)


def _softplus_gradient(out: AnyArray, dy: AnyArray, y: AnyArray) -> None:
    """f' = sigmoid(x) = 1 - exp(-y)."""
    np.multiply(dy, -np.expm1(-y), out=out)


def _elu_gradient(out: AnyArray, dy: AnyArray, y: AnyArray) -> None:
    """f' = 1 for x > 0, else exp(x) = y + 1."""
    np.multiply(dy, np.where(y > 0, y.dtype.type(1), y + 1), out=out)


def _linear(out: AnyArray, x: AnyArray) -> None:
    np.copyto(out, x)


def _linear_gradient(out: AnyArray, dy: AnyArray, _y: AnyArray) -> None:
    np.copyto(out, dy)


FUNCTIONS: dict[str, Function] = {
    "linear": Function(_linear, _linear_gradient, "output", 0),
    "relu": Function(_relu, _relu_gradient, "output", 1, bounds=(0, math.inf)),
    "leaky_relu": Function(_leaky, _leaky_gradient, "output", 2),
    "sigmoid": Function(sigmoid_into, _sigmoid_gradient, "output", 4, True, bounds=(0, 1), reach=(0.05, 0.95)),
    "tanh": Function(_tanh, _tanh_gradient, "output", 4, True, bounds=(-1, 1), reach=(-0.95, 0.95)),
    "softplus": Function(_softplus, _softplus_gradient, "output", 6, bounds=(0, math.inf)),
    "gelu": Function(_gelu, _gelu_gradient, "input", 20),
    "silu": Function(_silu, _silu_gradient, "input", 5),
    "elu": Function(_elu, _elu_gradient, "output", 4),
}
assert set(FUNCTIONS) == set(get_args(ActivationName))


def _cost(_ins: object, outs: object, attrs: dict[str, str]) -> int:
    return FUNCTIONS[attrs["function"]].flops * outs[0].size  # type: ignore[index, no-any-return]


@verb(same, flops=_cost, reuses=(0,))
def activate(y: AnyArray, x: AnyArray, *, function: ActivationName) -> None:
    """y = f(x), elementwise."""
    FUNCTIONS[function].forward(y, x)


@verb(same, flops=_cost, reuses=(0, 1))
def activate_gradient(dx: AnyArray, dy: AnyArray, saved: AnyArray, *, function: ActivationName) -> None:
    """dx = dy · f', with `saved` the function's output or input, as the table declares."""
    FUNCTIONS[function].gradient(dx, dy, saved)
