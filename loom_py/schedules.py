"""Learning rate schedules: factors on the learning rate by training step, counted from 0."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY

from loom_py.config.fields import LARGEST_FLOAT, Count, NonNegative, Positive, Size
from loom_py.config.options import Options, kind
from loom_py.errors import ConfigError


class Schedule(Options):
    """Base of schedules."""

    def factor(self, step: int) -> float:
        """Factor on the learning rate at a step of the run, counted from 0."""
        raise NotImplementedError


def scheduled_rate(rate: float, schedule: Schedule, step: int) -> float:
    """Learning rate times the schedule's factor at a step of the run.

    Raises:
        ConfigError: it is negative or not finite in float32.
    """
    try:
        scheduled = rate * schedule.factor(step)
    except (OverflowError, ConfigError):  # beyond floats
        scheduled = math.inf
    if not 0 <= scheduled <= LARGEST_FLOAT:
        raise ConfigError.expected(
            f"learning rate at step {step}",
            expected="a finite number of at least 0", got=f"{scheduled:g} by {schedule!r}",
            do="change the schedule or the learning rate",
        )  # fmt: skip
    return scheduled


def _power(base: float, exponent: float) -> float:
    """base^exponent; raises ConfigError beyond the range of floats."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        raise ConfigError.expected(
            "factor of a schedule", expected="a finite number", got=f"{base:g} to the power of {exponent:g}",
            do="change the schedule",
        ) from None  # fmt: skip


@kind
class Constant(Schedule):
    """The same factor at every step."""

    value: NonNegative = 1.0
    """The factor."""

    def factor(self, step: int) -> float:
        return self.value


@kind
class Linear(Schedule):
    """Linear from `start` to `end` over `steps`, then constant."""

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
    """Half a cosine from 1 to `end` over `steps`; with `restarts` it repeats, each period `growth` times longer.

    Loshchilov & Hutter 2017 (SGDR).
    """

    steps: Size
    """Steps of half a cosine."""
    _: KW_ONLY
    end: NonNegative = 0.0
    """Factor at its end."""
    restarts: bool = False
    """Whether it restarts after its end."""
    growth: Positive = 1.0
    """Ratio of each period's length to that of the one before."""

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
    """Decay of the factor at each step."""

    def factor(self, step: int) -> float:
        return _power(self.decay, step)


@kind
class Step(Schedule):
    """Multiplied by `decay` after every `every` steps."""

    every: Size
    """Steps with the same factor."""
    _: KW_ONLY
    decay: Positive = 0.1
    """Decay of the factor after them."""

    def factor(self, step: int) -> float:
        return _power(self.decay, step // self.every)


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
    """Linear from `start` to 1 over `steps`, then the inner schedule from its start."""

    steps: Count
    """Steps of the warm-up; 0: none."""
    inner: Schedule
    """Schedule after the warm-up."""
    _: KW_ONLY
    start: NonNegative = 0.0
    """Factor at the first step."""

    def factor(self, step: int) -> float:
        if step < self.steps:
            return self.start + (1 - self.start) * step / self.steps
        return self.inner.factor(step - self.steps)
