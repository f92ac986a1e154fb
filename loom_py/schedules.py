"""Learning rate schedules: a factor on the learning rate for each training step, from 0."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY

from loom_py.config.fields import Count, NonNegative, Positive, Size
from loom_py.config.options import Options, kind


class Schedule(Options):
    """Base of schedules."""

    def factor(self, step: int) -> float:
        """What the learning rate is multiplied by at a step of the run, from 0."""
        raise NotImplementedError


@kind
class Constant(Schedule):
    """The same factor at every step."""

    value: NonNegative = 1.0
    """The factor."""

    def factor(self, step: int) -> float:
        return self.value


@kind
class Linear(Schedule):
    """From `start` to `end` in a straight line over `steps`, then `end`."""

    steps: Size
    """Steps from start to end."""
    _: KW_ONLY
    start: NonNegative = 1.0
    """Factor at the first step."""
    end: NonNegative = 0.0
    """Factor after the last."""

    def factor(self, step: int) -> float:
        return self.start + (self.end - self.start) * min(step / self.steps, 1.0)


@kind
class Cosine(Schedule):
    """Half a cosine from 1 to `end` over `steps`; with `restarts` it begins anew, each period `growth` times longer.

    Loshchilov & Hutter 2017 (SGDR).
    """

    steps: Size
    """Steps of half a cosine."""
    _: KW_ONLY
    end: NonNegative = 0.0
    """Factor at its end."""
    restarts: bool = False
    """Whether it begins anew when it has ended."""
    growth: Positive = 1.0
    """How many times longer each period is than the one before."""

    def factor(self, step: int) -> float:
        period, position = float(self.steps), float(step)
        if self.restarts:
            while position >= period:
                position -= period
                period = max(period * self.growth, 1.0)
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * min(position / period, 1.0))) / 2


@kind
class Exponential(Schedule):
    """decay^step."""

    decay: Positive
    """Factor on the factor at each step."""

    def factor(self, step: int) -> float:
        return math.pow(self.decay, step)


@kind
class Step(Schedule):
    """Times `decay` after every `every` steps."""

    every: Size
    """Steps with the same factor."""
    _: KW_ONLY
    decay: Positive = 0.1
    """Factor on the factor after them."""

    def factor(self, step: int) -> float:
        return math.pow(self.decay, step // self.every)


@kind
class Polynomial(Schedule):
    """(1 - step/steps)^power down to `end`."""

    steps: Size
    """Steps down to the end."""
    _: KW_ONLY
    power: Positive = 1.0
    """Exponent; 1 is a straight line."""
    end: NonNegative = 0.0
    """Factor after the last step."""

    def factor(self, step: int) -> float:
        return self.end + (1 - self.end) * math.pow(1 - min(step / self.steps, 1.0), self.power)


@kind
class WarmUp(Schedule):
    """From `start` to 1 in a straight line over `steps`, then the inner schedule from its beginning."""

    steps: Count
    """Steps of the straight line; 0 leaves it out."""
    inner: Schedule
    """What follows."""
    _: KW_ONLY
    start: NonNegative = 0.0
    """Factor at the first step."""

    def factor(self, step: int) -> float:
        if step < self.steps:
            return self.start + (1 - self.start) * step / self.steps
        return self.inner.factor(step - self.steps)
