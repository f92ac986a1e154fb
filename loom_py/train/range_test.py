"""Short range test of the learning rate: a dozen steps on one batch, at this rate and others (after Smith 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from loom_py.config.options import resolve
from loom_py.diagnose.before.made import found
from loom_py.diagnose.finding import Finding, Severity
from loom_py.engine.compile import StepOptions
from loom_py.engine.engine import Engine
from loom_py.engine.inputs import Feed
from loom_py.schedules import Schedule
from loom_py.train.config import TrainingConfig

STEPS = 12
RISES = 2.0
PEAK = 4.0
FALLS = 0.05
PROGRESS = 0.01
LITTLE = 0.001
CONVERGED = 0.1
FACTORS = tuple(10.0**power for power in range(1, 9))


class Rates:
    """Learning rates of a run."""

    def __init__(self, rate: float, schedule: Schedule | None, steps: int) -> None:
        """Take the rate, its schedule and the number of steps."""
        self.rate, self.schedule, self.steps = rate, schedule, steps

    @classmethod
    def of(cls, config: TrainingConfig, samples: int) -> Rates:
        """Those of a run with so many samples."""
        steps = config.epochs * -(-samples // config.batch_size)
        return cls(config.learning_rate, resolve(config.schedule, Schedule), steps)

    def at(self, step: int) -> float:
        """The rate of a step of the run."""
        return self.rate * (1.0 if self.schedule is None else self.schedule.factor(step))

    @property
    def highest(self) -> float:
        """The highest rate among about 100 steps of the run."""
        return max((self.at(step) for step in range(0, self.steps, max(self.steps // 100, 1))), default=self.rate)


@dataclass(frozen=True, slots=True)
class Trial:
    """Loss of one batch before some steps on it, its highest and last; infinite after a refused step."""

    first: float
    highest: float
    last: float

    @property
    def progress(self) -> float:
        """Relative decrease of the loss."""
        return (self.first - self.last) / abs(self.first) if self.first else 0.0


class Trials:
    """Steps on one batch, from the same values each time, until a deadline."""

    def __init__(self, engine: Engine, original: Engine, batch: Feed, options: StepOptions, deadline: float) -> None:
        """Take a copy of an engine, and the original, whose values it gets before each trial."""
        self._engine, self._original, self._batch = engine, original, batch
        self._options, self._deadline = options, deadline

    def run(self, rate: Callable[[int], float]) -> Trial | None:
        """A dozen steps at the rates; None where time is up."""
        engine = self._engine
        losses: list[float] = []
        engine.take_over(self._original)
        engine.reset_states()
        engine.set_optimizer_state(self._options, {})
        engine.steps = 0
        for step in range(STEPS):
            if perf_counter() > self._deadline:
                return None
            result = engine.finish(engine.begin(self._batch, rate(step), self._options))
            if not result.ok:
                return Trial(losses[0], math.inf, math.inf) if losses else None
            losses.append(result.loss)
        return Trial(losses[0], max(losses), median(losses[-STEPS // 3 :]))


def try_rates(trials: Trials, rates: Rates, expected: float) -> Iterator[Finding]:
    """A rate at which the loss of a batch rises, or falls too little for the whole run.

    Args:
        trials: steps on one batch.
        rates: of the run.
        expected: loss of outputs that favour nothing.
    """
    own = trials.run(rates.at)
    if own is None:
        text = "The learning rate was not tried: a dozen steps take too long."
        yield found("learning_rate", "info", text, ("a first run of a few steps",), learning_rate=rates.highest)
        return
    least = max(own.first, expected)
    if own.last > RISES * least:
        yield _too_high(trials, rates, own, "error")
    elif own.highest > PEAK * least:
        yield _too_high(trials, rates, own, "warning")
    elif own.first > CONVERGED * expected and (finding := _too_low(trials, rates, own)):
        yield finding


def _too_high(trials: Trials, rates: Rates, own: Trial, severity: Severity) -> Finding:
    good = _first_good(trials, lambda factor: lambda step: rates.at(step) / factor)
    text = f"At a learning rate of {rates.highest:.3g} the loss of one batch goes from {own.first:.4g} up to "
    text += f"{own.highest:.4g} in {STEPS} steps"
    evidence = {"learning_rate": rates.highest, "first": own.first, "highest": own.highest, "last": own.last}
    advice = ("a lower learning rate", "gradient clipping", "inputs of mean 0 and standard deviation 1")
    if good is not None:
        factor, trial = good
        text += f"; at {rates.highest / factor:.3g} it falls to {trial.last:.4g}"
        evidence |= {"works": rates.highest / factor, "last_there": trial.last}
        advice = (f"a learning rate of {rates.highest / factor:.3g} or less", *advice[1:])
    return found("learning_rate", severity, f"{text}.", advice, steps=STEPS, **evidence)


def _too_low(trials: Trials, rates: Rates, own: Trial) -> Finding | None:
    """Nothing where higher rates do no better: then it is not the rate."""
    rate = rates.highest
    trial = own if rates.schedule is None else trials.run(lambda step: rate)
    if trial is None or trial.progress >= LITTLE or trial.progress * rates.steps / STEPS >= PROGRESS:
        return None
    good = _first_good(trials, lambda factor: lambda step: rate * factor)
    if good is None:
        return None
    factor, better = good
    text = f"At a learning rate of {rate:.3g} the loss of one batch falls by {trial.progress:.1e} of itself in {STEPS} "
    text += f"steps, and the run has {rates.steps}; at {rate * factor:.3g} it falls by {better.progress:.1%}."
    return found(
        "learning_rate", "warning", text, (f"a learning rate of {rate * factor:.3g}", "more epochs"),
        learning_rate=rate, progress=trial.progress, steps=STEPS, steps_of_run=rates.steps, works=rate * factor,
        progress_there=better.progress,
    )  # fmt: skip


def _first_good(trials: Trials, rate_for: Callable[[float], Callable[[int], float]]) -> tuple[float, Trial] | None:
    """The first factor at which the loss falls, and its trial."""
    for factor in FACTORS:
        trial = trials.run(rate_for(factor))
        if trial is not None and trial.progress >= FALLS and trial.highest <= PEAK * trial.first:
            return factor, trial
    return None
