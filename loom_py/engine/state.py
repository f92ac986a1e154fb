"""Memory of a network on its device: parameters, gradients, optimizer state, buffers; moved, read and written."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from loom_py.engine.compile import StepOptions
from loom_py.engine.headroom import CHECKED_NORM, UNCHECKED_NORM, Headroom
from loom_py.engine.in_flight import Ready
from loom_py.engine.layout import (
    BUFFERS,
    GRADIENTS,
    NORM_LIMIT,
    SUMMED,
    WEIGHTS,
    Layout,
    Slot,
    check_values,
    checked,
    fill_new,
    optimizer_area,
    read_all,
    walk,
)
from loom_py.errors import StateError
from loom_py.executors.base import Executor, Loaded, Memory
from loom_py.executors.choose import executor_for
from loom_py.executors.failover import FailoverMemory
from loom_py.layers import Layer
from loom_py.optimizers import Optimizer
from loom_py.program import Program
from loom_py.shapes import Array

log = logging.getLogger("loom_py")


class State:
    """Memory of one set of layers on an executor, and the number of steps behind it."""

    def __init__(self, slots: Sequence[tuple[Slot, Layer]], seed: int, executor: Executor) -> None:
        self.slots = slots
        self.seed = seed
        self.incidents: list[str] = []
        self.report = partial(_report, self.incidents)
        self.top = [(str(slot.index), layer) for slot, layer in slots]
        self.layers = dict(walk(self.top))
        self.layout = Layout(self.layers.items())
        self._executor = executor
        self.memory = self._allocate(executor, self._least_sizes)
        self.headroom = Headroom()
        fill_new(self.memory, self.layout, seed)
        self.allow_updates()
        self.optimizer: Optimizer | None = None
        self.steps = 0
        self.updates = 0
        self.has_gradients = False
        self._ready: OrderedDict[Hashable, Ready] = OrderedDict()

    @property
    def executor(self) -> Executor:
        """The executor in use; another takes over when a device is lost."""
        return self.memory.executor if isinstance(self.memory, FailoverMemory) else self._executor

    def load(self, program: Program) -> Loaded:
        """A Program, ready to run over the memory."""
        memory = self.memory
        return memory.load(program) if isinstance(memory, FailoverMemory) else self.executor.load(program, memory)

    def take_incidents(self) -> list[str]:
        """Incidents of the device since the last call."""
        taken = list(self.incidents)
        self.incidents.clear()
        return taken

    def _allocate(self, executor: Executor, sizes: Mapping[str, int]) -> Memory:
        """Zeroed areas; those on a device that can be lost survive its loss."""
        if not executor.depth:
            return executor.allocate(sizes)
        return FailoverMemory(executor, sizes, partial(executor_for, "auto"), self.report)

    def allow_updates(self) -> None:
        """Let steps change parameters again, after a refused step blocked those started after it."""
        self.memory.write(NORM_LIMIT, 0, np.asarray(UNCHECKED_NORM))

    @contextmanager
    def any_finite_norm(self) -> Iterator[None]:
        """Let steps whose update is checked change parameters, however large the norm of their gradients is."""
        self.memory.write(NORM_LIMIT, 0, np.asarray(CHECKED_NORM))
        try:
            yield
        finally:
            self.allow_updates()

    def use(self, options: StepOptions) -> None:
        """Allocate an optimizer's state: kept while the kind of optimizer stays, zeroed when it changes."""
        optimizer = options.optimizer
        before, kept = self.memory, self._areas(optimizer)
        if options.micro_batch is not None:
            kept.add(SUMMED)
        if self.optimizer == optimizer and kept <= set(before.sizes):
            return
        if self.optimizer is None or self.optimizer.name != optimizer.name:
            self.updates = 0
        if self.optimizer is not None:
            self.headroom.left = 0.0  # its bounds are those of one optimizer
        if kept != set(before.sizes):
            sizes = self._least_sizes
            sizes |= dict.fromkeys(kept - set(sizes), self.layout.sizes[WEIGHTS])
            self._move(self.executor, sizes)
        self.optimizer = optimizer

    def move_to(self, executor: Executor) -> None:
        """Continue on another executor: parameters, gradients and optimizer state are copied, Programs recompiled."""
        self._move(executor, dict(self.memory.sizes))

    def _move(self, executor: Executor, sizes: dict[str, int]) -> None:
        """Areas of these sizes on an executor, filled from the current ones."""
        before = self.memory
        memory = self._allocate(executor, sizes)
        for name in set(sizes) & set(before.sizes):
            memory.write(name, 0, before.read(name, 0, (sizes[name],), np.uint8))
        self._executor, self.memory = executor, memory
        self._ready.clear()

    @property
    def _least_sizes(self) -> dict[str, int]:
        return {**self.layout.sizes, GRADIENTS: self.layout.sizes[WEIGHTS], NORM_LIMIT: 4}

    def _areas(self, optimizer: Optimizer) -> set[str]:
        return {
            WEIGHTS,
            GRADIENTS,
            BUFFERS,
            NORM_LIMIT,
            *(optimizer_area(optimizer.name, name) for name in optimizer.state()),
        }

    def optimizer_state(self) -> dict[str, Array]:
        """Copies of the optimizer's state by its name and the parameter's, such as "m/0.weight"."""
        if self.optimizer is None:
            return {}
        found: dict[str, Array] = {}
        for name in self.optimizer.state():
            area = optimizer_area(self.optimizer.name, name)
            found |= {f"{name}/{key}": v for key, v in read_all(self.memory, self.layout.trained, area).items()}
        return found

    def set_optimizer_state(self, options: StepOptions, values: Mapping[str, Array]) -> None:
        """Set an optimizer's state from what `optimizer_state` gives; empty: zero.

        Raises:
            StateError: names or shapes are not those of this optimizer's state. DataError: values are not finite, or
                negative where they are means of squares. Nothing is changed then.
        """
        names = options.optimizer.state() if values else ()
        wanted = {f"{name}/{place.name}": (name, place) for name in names for place in self.layout.trained}
        shapes = {key: place.parameter.shape for key, (_, place) in wanted.items()}
        if values and {key: value.shape for key, value in values.items()} != shapes:
            raise StateError.expected(
                "optimizer state",
                expected=f"that of {options.optimizer.name}, {len(shapes)} arrays",
                got="others",
            )
        squares = options.optimizer.squares()
        for key, (name, _) in wanted.items():
            check_values(f"optimizer state {key}", values[key], name in squares)
        self.optimizer = None
        self.use(options)
        for name in options.optimizer.state():
            area = optimizer_area(options.optimizer.name, name)
            self.memory.write(area, 0, np.zeros(self.memory.sizes[area], np.uint8))
        for key, (name, place) in wanted.items():
            self.memory.write(optimizer_area(options.optimizer.name, name), place.offset, values[key])
        self.headroom.left = 0.0 if values else self.headroom.left

    @contextmanager
    def buffers_kept(self, *, fresh_states: bool = False) -> Iterator[Callable[[], None]]:
        """Restore all buffers at the end, unless the yielded function is called; `fresh_states` zeroes states first."""
        size = self.memory.sizes[BUFFERS]
        before = self.memory.read(BUFFERS, 0, (size,), np.uint8) if size else None
        replaced: list[bool] = []
        if fresh_states:
            self.reset_states()
        try:
            yield lambda: replaced.append(True)
        finally:
            if before is not None and not replaced:
                self.memory.write(BUFFERS, 0, before)

    def reset_states(self) -> None:
        """Zero the states that recurrent layers carry between runs."""
        for place in self.layout.places.values():
            if place.parameter.state:
                self.memory.write(place.area, place.offset, np.zeros(place.parameter.shape, np.float32))

    def take_over(self, before: State) -> None:
        """Copy the trained values of layers that an earlier engine has unchanged at the same path."""
        self.headroom.left = before.headroom.left
        for path, layer in self.layers.items():
            if before.layers.get(path) == layer:
                for parameter in layer.parameters():
                    name = f"{path}.{parameter.name}"
                    old, new = before.layout.places[name], self.layout.places[name]
                    self.memory.write(new.area, new.offset, before.memory.read(old.area, old.offset, parameter.shape))

    def write_parameters(self, values: dict[str, Array]) -> None:
        """Overwrite arrays; names and shapes are checked before any is written."""
        arrays = checked(self.layout, values)
        self.headroom.note(arrays.values())
        for name, value in arrays.items():
            place = self.layout.places[name]
            self.memory.write(place.area, place.offset, value)


def _report(incidents: list[str], text: str) -> None:
    log.warning(text)
    incidents.append(text)
