"""A learning rate found by trials of a few steps."""

from __future__ import annotations

import math
from dataclasses import replace
from time import perf_counter

from loom_py.errors import ConfigError
from loom_py.network.core import NetworkCore
from loom_py.shapes import ArrayLike
from loom_py.train.config import TrainingConfig
from loom_py.train.data import check_samples
from loom_py.train.range_test import Rates, Trial, Trials
from loom_py.train.rehearsal import SAMPLES, copy_of, spread

SECONDS = 2.0
CANDIDATES = tuple(round(digit * 10.0**power, 12) for power in range(-6, 1) for digit in (1, 3))
STEADY = 1.5


def find_rate(
    net: NetworkCore, x: ArrayLike, y: ArrayLike, config: TrainingConfig, mask: ArrayLike | None = None
) -> float:
    """The rate at which a dozen steps on one batch lower the loss most without raising it in between.

    It is tried on a copy, two seconds at most; a third of the best one is taken, since a batch that is seen again and
    again allows more than fresh ones do (after Smith 2017).

    Raises:
        ConfigError: the loss falls at no rate.
        ShapeError, DataError: the data does not fit.
    """
    options = config.options()
    samples = check_samples(net, options.loss, x, y, mask)
    batch = samples.chosen(spread(samples.samples, min(config.batch_size, SAMPLES)))
    with net.lock:
        trials = Trials(copy_of(net.engine), net.engine, batch, options, perf_counter() + SECONDS)
        found: dict[float, Trial] = {}
        for rate in reversed(CANDIDATES):
            trial = trials.run(Rates.of(replace(config, learning_rate=rate), samples.samples).at)
            if trial is None:
                continue
            if trial.progress > 0 and trial.highest <= STEADY * trial.first and math.isfinite(trial.last):
                found[rate] = trial
    if not found:
        raise ConfigError.expected(
            "learning_rate", expected="a rate at which the loss of a batch falls", got="none from 1e-6 to 3",
            do="look at the other findings first",
        )  # fmt: skip
    best = min(found, key=lambda rate: found[rate].last)
    return float(f"{best / 3:.1g}")
