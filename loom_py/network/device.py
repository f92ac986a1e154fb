"""The device of a network: its choice by name or by measurement, and forward passes on the GPU beside it."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Literal, NamedTuple, get_args

from loom_py.engine.compile import StepOptions
from loom_py.engine.engine import Engine
from loom_py.engine.in_flight import Ready
from loom_py.engine.inputs import Feed, Form
from loom_py.engine.layout import BUFFERS, WEIGHTS
from loom_py.errors import ConfigError, LoomError, UnavailableError
from loom_py.executors.base import Executor
from loom_py.executors.choose import executor_for
from loom_py.shapes import AnyArray
from loom_py.telemetry.instrument import StatsRequest

Device = Literal["auto", "numpy", "wasm", "webgpu"]

QUICK_NS = 1_000_000
"""A faster step is not tried on a GPU: the round trip alone takes about as long."""
TRIES = 6
MOST_PROGRAMS = 8
"""Compiled Programs kept of forward passes beside the network's own device."""


def gpu_unavailable_reason() -> str | None:
    """Why the GPU can't be used; None if it can."""
    from loom_py.executors.webgpu import find  # a page pays for every module at its start

    return find.gpu_unavailable_reason()


class DeviceChoice:
    """The executor of a network, chosen by its user or, with "auto", by measuring its own training step.

    Attributes:
        executor: the executor chosen; a lost device is replaced in the engine alone.
        reason: why it is this one.
        undecided: whether the first training step is still to decide.
    """

    def __init__(self) -> None:
        self.executor = executor_for("auto")
        self.reason = "auto: the fastest without a GPU; the first training step tries a GPU"
        self.undecided = True

    def choose(self, device: Device, engine: Engine | None) -> bool:
        """Move to a device by name; whether the engine had to move.

        Raises:
            ConfigError: unknown device. UnavailableError: it is not available; the text says why.
        """
        if device not in get_args(Device):
            raise ConfigError.expected("device", expected=" or ".join(get_args(Device)), got=repr(device))
        if device == "webgpu" and (missing := gpu_unavailable_reason()):
            raise UnavailableError(f"device webgpu: {missing}")
        moved = self.move_to(executor_for(device), engine)
        self.undecided = device == "auto"
        self.reason = f"{device} was asked for"
        return moved

    def decide(self, engine: Engine, feed: Feed, options: StepOptions) -> bool:
        """Measure whether the GPU trains this network faster, and take the faster; whether the engine had to move."""
        self.undecided = False
        if missing := gpu_unavailable_reason():
            self.reason = f"auto: no GPU to try: {missing}"
            return False
        gpu = executor_for("webgpu")
        if gpu.software:
            self.reason = "auto: the only GPU here is a software renderer"
            return False
        choice = measure(engine, gpu, feed, options)
        self.reason = f"auto: {choice.reason}"
        return self.move_to(choice.executor, engine)

    def move_to(self, executor: Executor, engine: Engine | None) -> bool:
        """Take an executor, and move the engine there; whether it had to move."""
        if executor is self.executor and (engine is None or executor is engine.executor):
            return False
        if engine is not None:
            engine.move_to(executor)
        self.executor = executor
        return True


class Measured(NamedTuple):
    """The faster device, and why."""

    executor: Executor
    reason: str


def measure(engine: Engine, gpu: Executor, feed: Feed, options: StepOptions) -> Measured:
    """The faster of the engine's executor and the GPU's for training steps such as this one.

    The steps are tried on copies: the network's own state does not change.
    """
    here = engine.executor
    own = _step_ns(Engine(engine.slots, engine.seed, here), feed, options)
    if own < QUICK_NS:
        return Measured(here, f"a step takes {_ms(own)} with {here.name}, too little for a GPU to pay")
    try:
        there = Engine(engine.slots, engine.seed, gpu)
        theirs = _step_ns(there, feed, options)
    except LoomError as error:
        return Measured(here, f"{gpu.name} can't run this network: {error}")
    if there.incidents:
        return Measured(here, there.incidents[0])
    compared = f"a step takes {_ms(theirs)} with {gpu.name} and {_ms(own)} with {here.name}"
    return Measured(gpu if theirs < own else here, compared)


def _step_ns(engine: Engine, feed: Feed, options: StepOptions) -> int:
    """Nanoseconds per step in a row of steps, without the first, which compiles."""
    engine.begin(feed, 0.0, options).wait()
    started = perf_counter_ns()
    for number in range(TRIES):
        step = engine.begin(feed, 0.0, options)
        if not engine.executor.depth:
            step.wait()
            spent = perf_counter_ns() - started
            if spent > 50 * QUICK_NS:  # slow enough to know it by now
                return spent // (number + 1)
    step.wait()
    return (perf_counter_ns() - started) // TRIES


def _ms(ns: int) -> str:
    return f"{ns / 1e6:.2g} ms"


class ForwardElsewhere:
    """A network's forward pass on another executor than its own, in memory that gets the parameters before each run."""

    def __init__(self, engine: Engine, executor: Executor) -> None:
        self.engine, self.executor = engine, executor
        self._memory = executor.allocate(engine.layout.sizes)
        self._ready: dict[tuple[Form, StatsRequest | None], Ready] = {}

    def run(self, feed: Feed, request: StatsRequest | None) -> Ready:
        """Run the forward pass; the results are in the Program returned."""
        key = feed.form, request
        if key not in self._ready:
            if len(self._ready) >= MOST_PROGRAMS:
                self._ready.clear()
            compiled = self.engine.compiler.inference(*key)
            self._ready[key] = Ready(self.executor.load(compiled.program, self._memory), compiled.passes)
        for area in (WEIGHTS, BUFFERS):
            size = self.engine.layout.sizes[area]
            if size:
                raw: AnyArray = self.engine.memory.read(area, 0, (size // 4,))
                self._memory.write(area, 0, raw)
        ready = self._ready[key]
        self.engine.write_feed(ready.loaded, feed)
        ready.loaded.run(timed=request is not None)
        return ready
