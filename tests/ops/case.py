"""How a verb's random calls are declared: one function draws inputs and attributes and says what must come out.

What must come out is reckoned in float64 by the plainest formula or loop, never by the package's own code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from loom_py.shapes import AnyArray, Shape


@dataclass(frozen=True)
class Call:
    """One call of a verb.

    Attributes:
        inputs: arrays (floats in float64, which a suite may narrow) or None for one left out.
        expected: the outputs, None in place of one that another suite proves (gradients).
        after: what the inputs that the verb writes must hold afterwards, by position.
        tolerance: relative to the largest value; wider where the expected value is itself a difference quotient.
    """

    inputs: tuple[AnyArray | None, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    expected: tuple[AnyArray | None, ...] = ()
    after: dict[int, AnyArray] = field(default_factory=dict)
    tolerance: float = 1e-11

    def arrays(self, dtype: Any) -> list[AnyArray | None]:
        """Fresh copies of the inputs, floats in this precision."""
        return [a if a is None else a.astype(dtype if a.dtype.kind == "f" else a.dtype) for a in self.inputs]


class Draw:
    """Random shapes by hypothesis (so that they shrink), random values by a generator seeded from it."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.rng = np.random.default_rng(self.integer(0, 2**16))

    def integer(self, low: int, high: int) -> int:
        return self.data.draw(st.integers(low, high))

    def choice(self, *options: Any) -> Any:
        return self.data.draw(st.sampled_from(options))

    def subset(self, count: int) -> tuple[int, ...]:
        """Some numbers below `count`, at least one."""
        return tuple(self.data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=count, unique=True)))

    def shape(self, least: int = 1, most: int = 4, side: int = 5) -> Shape:
        return self.data.draw(hnp.array_shapes(min_dims=least, max_dims=most, min_side=1, max_side=side))

    def broadcasting(self, count: int = 2) -> tuple[Shape, ...]:
        shapes = hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=4, max_side=4)
        return self.data.draw(shapes).input_shapes

    def permutation(self, count: int) -> tuple[int, ...]:
        return tuple(self.data.draw(st.permutations(range(count))))

    def values(self, shape: Shape, scale: float = 1.0) -> AnyArray:
        return np.asarray(self.rng.standard_normal(shape) * scale)

    def positive(self, shape: Shape) -> AnyArray:
        return np.asarray(self.rng.uniform(0.1, 2.0, shape))

    def ids(self, shape: Shape, count: int) -> AnyArray:
        return np.asarray(self.rng.integers(0, count, shape), np.int32)


CASES: dict[str, Callable[[Draw, str], Call]] = {}
"""How to draw a call, by verb."""

C = Callable[[Draw, str], Call]


def case(*verbs: str) -> Callable[[C], C]:
    """Declare that the decorated function draws calls of these verbs."""

    def declare(draw: C) -> C:
        CASES.update(dict.fromkeys(verbs, draw))
        return draw

    return declare


@cache
def calls(name: str, count: int = 20) -> tuple[Call, ...]:
    """The same few random calls of a verb every time; drawn once, since drawing takes longer than most verbs."""
    found: list[Call] = []

    @seed(20)
    @settings(max_examples=count, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def draw(data: st.DataObject) -> None:
        found.append(CASES[name](Draw(data), name))

    draw()
    return tuple(found[-count:])


def slope(f: Callable[[AnyArray], float], x: AnyArray, step: float = 1e-6) -> AnyArray:
    """Gradient of a function of an array by central differences."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        moved = x.copy()
        moved[place] += step
        up = f(moved)
        moved[place] -= 2 * step
        gradient[place] = (up - f(moved)) / (2 * step)
    return gradient
