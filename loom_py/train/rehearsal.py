"""First outputs and first steps of a run, on a copy of its network."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from loom_py.diagnose.before.made import found
from loom_py.diagnose.finding import Finding
from loom_py.diagnose.monitor import Monitor
from loom_py.diagnose.rules.dead_relu import DeadRelu
from loom_py.diagnose.rules.initialisation import PoorInitialisation
from loom_py.diagnose.rules.saturation import Saturation
from loom_py.engine.compile import StepOptions
from loom_py.engine.engine import Engine
from loom_py.engine.inputs import Feed
from loom_py.executors.choose import executor_for
from loom_py.losses import loss_and_gradient
from loom_py.network.core import NetworkCore
from loom_py.shapes import AnyArray
from loom_py.telemetry.instrument import StatsRequest, StepInfo
from loom_py.train.config import TrainingConfig
from loom_py.train.range_test import Rates, Trials, try_rates

SAMPLES = 256
SECONDS = 0.5
WORSE = 10.0
NATS = 2.0


def rehearse(net: NetworkCore, config: TrainingConfig, training: Feed, *, range_test: bool) -> list[Finding]:
    """Findings about a network's first outputs and about its learning rate; the network does not change."""
    deadline = perf_counter() + SECONDS
    options = config.options()
    engine = copy_of(net.engine)
    sample = training.chosen(spread(training.samples, SAMPLES))
    findings = _first_outputs(net, engine, sample)
    start = FirstLoss.of(engine, sample, options)
    findings += start.findings()
    rates = Rates.of(config, training.samples)
    if range_test and rates.highest > 0 and math.isfinite(start.loss):
        batch = training.chosen(spread(training.samples, min(config.batch_size, SAMPLES)))
        trials = Trials(engine, net.engine, batch, options, deadline)
        findings += try_rates(trials, rates, start.expected)
    return findings


def spread(samples: int, count: int) -> AnyArray:
    """Numbers of samples spread over all of them."""
    return np.linspace(0, samples - 1, min(count, samples)).astype(np.int64)


def copy_of(original: Engine) -> Engine:
    """An engine's layers and values in memory of their own, on the fastest device without a GPU."""
    engine = Engine(original.slots, original.seed, executor_for("auto"))
    engine.take_over(original)
    engine.reset_states()
    return engine


def _first_outputs(net: NetworkCore, engine: Engine, sample: Feed) -> list[Finding]:
    """Dead, saturated or badly initialised layers."""
    inputs = Feed(sample.x, mask=sample.mask)
    ready = engine.inference(inputs.form, StatsRequest())
    engine.write_feed(ready.loaded, inputs)
    with engine.buffers_kept():
        ready.loaded.run()
    monitor = Monitor(net.get_blueprint(), snapshot=True, rules=(PoorInitialisation, DeadRelu, Saturation))
    records = engine.layer_stats(ready, StepInfo(net.engine.steps), 0, ("forward",))
    return [finding for stats in records for finding in monitor.on_stats(stats)] + monitor.end()


@dataclass(frozen=True, slots=True)
class FirstLoss:
    """Loss at the start.

    Attributes:
        loss: of the first outputs.
        expected: of outputs that favour nothing: zeros, or equal probabilities.
        largest: magnitude of the largest output.
        limit: highest loss that is no fault.
    """

    loss: float
    expected: float
    largest: float
    limit: float

    @classmethod
    def of(cls, engine: Engine, sample: Feed, options: StepOptions) -> FirstLoss:
        """Measure it."""
        with engine.buffers_kept():
            output, loss, _ = engine.evaluation(sample, options)
        kind = engine.compiler.gives(sample.x.shape).kind
        even = 0.5 if options.loss.yes_no else 1 / output.shape[-1]
        about_classes = options.loss.classes or options.loss.yes_no
        neutral = np.full_like(output, even if about_classes and not options.loss.takes_logits(kind) else 0.0)
        assert sample.target is not None
        expected = loss_and_gradient(options.loss, neutral, sample.target, kind).loss
        limit = WORSE * expected + (NATS if about_classes else 0.0)
        return cls(loss, expected, float(np.abs(output).max()), limit)

    def findings(self) -> Iterator[Finding]:
        """A loss that is not finite, or far above that of outputs which favour nothing."""
        evidence = {"loss": self.loss, "expected": self.expected, "largest_output": self.largest}
        if not math.isfinite(self.loss):
            text = "The loss of the first outputs is not finite."
            advice = ("inputs and targets of a smaller scale", "smaller weights")
            yield found("initial_loss", "error", text, advice, **evidence)
        elif self.loss > self.limit > 0:
            text = f"The loss starts at {self.loss:.4g}; outputs that favour nothing would have {self.expected:.4g}."
            text += " The first steps only undo what the initial weights say."
            advice = ("inputs of mean 0 and standard deviation 1", "smaller initial weights of the last layer")
            yield found("initial_loss", "warning", text, advice, **evidence, threshold=self.limit)
