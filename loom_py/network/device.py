"""Which device trains a network faster: measured with its own step and its own data, before the first step."""

from __future__ import annotations

from time import perf_counter_ns
from typing import NamedTuple

from loom_py.engine.compile import StepOptions
from loom_py.engine.engine import Engine
from loom_py.engine.inputs import Feed
from loom_py.errors import LoomError
from loom_py.executors.base import Executor

QUICK_NS = 1_000_000
"""A step that is done in less is not tried on a GPU: to be sent there and answered takes about as long."""
TRIES = 6


class Choice(NamedTuple):
    """A device, and why."""

    executor: Executor
    reason: str


def choose(engine: Engine, gpu: Executor, feed: Feed, options: StepOptions) -> Choice:
    """The faster of the engine's executor and the GPU's for training steps such as this one.

    The steps are tried on copies: the network's own state is left alone.
    """
    here = engine.executor
    own = _step_ns(Engine(engine.slots, engine.seed, here), feed, options)
    if own < QUICK_NS:
        return Choice(here, f"a step takes {_ms(own)} with {here.name}, too little for a GPU to pay")
    try:
        there = Engine(engine.slots, engine.seed, gpu)
        theirs = _step_ns(there, feed, options)
    except LoomError as error:
        return Choice(here, f"{gpu.name} can't run this network: {error}")
    if there.incidents:
        return Choice(here, there.incidents[0])
    compared = f"a step takes {_ms(theirs)} with {gpu.name} and {_ms(own)} with {here.name}"
    return Choice(gpu if theirs < own else here, compared)


def _step_ns(engine: Engine, feed: Feed, options: StepOptions) -> int:
    """Nanoseconds a step takes when steps follow one another; the first, which compiles, is left out."""
    engine.begin(feed, 0.0, options).landed()
    began = perf_counter_ns()
    for number in range(TRIES):
        flight = engine.begin(feed, 0.0, options)
        if not engine.executor.depth:
            flight.landed()
            spent = perf_counter_ns() - began
            if spent > 50 * QUICK_NS:  # slow enough to know it by now
                return spent // (number + 1)
    flight.landed()
    return (perf_counter_ns() - began) // TRIES


def _ms(ns: int) -> str:
    return f"{ns / 1e6:.2g} ms"
