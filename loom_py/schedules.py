"""Learning rate schedules: a factor on the learning rate for each training step, from 0."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

from loom_py.errors import ConfigError
from loom_py.layers.fields import Count, NonNegative, Positive, Size, check_fields


class Schedule:
    """Base of schedules."""

    def __post_init__(self) -> None:
        check_fields(self)

    def factor(self, step: int) -> float:
        """What the learning rate is multiplied by at a step of the run, from 0."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Schedule):
    """The same factor at every step."""

    value: NonNegative = 1.0

    def factor(self, step: int) -> float:
        return self.value


@dataclass(frozen=True)
class Linear(Schedule):
    """From `start` to `end` in a straight line over `steps`, then `end`."""

    steps: Size
    _: KW_ONLY
    start: NonNegative = 1.0
    end: NonNegative = 0.0

    def factor(self, step: int) -> float:
        return self.start + (self.end - self.start) * min(step / self.steps, 1.0)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 to `end` over `steps`; with `restarts` it begins anew, each period `growth` times longer.

    Loshchilov & Hutter 2017 (SGDR).
    """

    steps: Size
    _: KW_ONLY
    end: NonNegative = 0.0
    restarts: bool = False
    growth: Positive = 1.0

    def factor(self, step: int) -> float:
        period, position = float(self.steps), float(step)
        if self.restarts:
            while position >= period:
                position -= period
                period = max(period * self.growth, 1.0)
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * min(position / period, 1.0))) / 2


@dataclass(frozen=True)
class Exponential(Schedule):
    """decay^step."""

    decay: Positive

    def factor(self, step: int) -> float:
        return math.pow(self.decay, step)


@dataclass(frozen=True)
class Step(Schedule):
    """Times `decay` after every `every` steps."""

    every: Size
    _: KW_ONLY
    decay: Positive = 0.1

    def factor(self, step: int) -> float:
        return math.pow(self.decay, step // self.every)


@dataclass(frozen=True)
class Polynomial(Schedule):
    """(1 - step/steps)^power down to `end`."""

    steps: Size
    _: KW_ONLY
    power: Positive = 1.0
    end: NonNegative = 0.0

    def factor(self, step: int) -> float:
        return self.end + (1 - self.end) * math.pow(1 - min(step / self.steps, 1.0), self.power)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """From `start` to 1 in a straight line over `steps`, then the inner schedule from its beginning."""

    steps: Count
    inner: Schedule
    _: KW_ONLY
    start: NonNegative = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        if not isinstance(self.inner, Schedule):
            raise ConfigError.expected("WarmUp.inner", expected="a schedule", got=repr(self.inner))

    def factor(self, step: int) -> float:
        if step < self.steps:
            return self.start + (1 - self.start) * step / self.steps
        return self.inner.factor(step - self.steps)
