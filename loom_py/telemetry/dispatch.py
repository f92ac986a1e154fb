"""Observers of a network: who is due, and delivery that no observer can spoil."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

from loom_py.telemetry.events import Observer, TrainingEvent, TweenStep
from loom_py.telemetry.frame import WatchedRun
from loom_py.telemetry.instrument import Watch
from loom_py.telemetry.sampling import Pace

log = logging.getLogger("loom_py")


class Dispatcher:
    """The attached observers. One that raises is reported once and detached; the network goes on."""

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self._paces: dict[int, Pace] = {}

    def pace(self, observer: Observer) -> Pace:
        """How often an observer is told; begun anew when its options change."""
        known = self._paces.get(id(observer))
        if known is None or (known.every, known.budget) != (max(observer.every, 1), observer.budget):
            attached = {id(o) for o in self.observers}  # an object that is gone must not lend its pace to another
            self._paces = {key: pace for key, pace in self._paces.items() if key in attached}
            known = self._paces[id(observer)] = Pace(observer.every, observer.budget)
        return known

    def note(self, listeners: list[Observer], ns: int) -> None:
        """Take the time of a run and tell observers with a budget what they cost."""
        for observer in self.observers:
            if observer.budget is not None:
                pace = self.pace(observer)
                pace.note(bool(listeners), ns)
                observer.measured_share = pace.share

    def due(self, tick: int) -> tuple[Watch | None, list[Observer]]:
        """Who listens to run number `tick`, and what they want of it together; None when nobody does."""
        listening = [o for o in self.observers if wants_layers(o) and self.pace(o).due(tick)]
        watch: Watch | None = None
        for o in listening:
            wanted = Watch(o.layers, o.output_values, o.histograms)
            watch = wanted if watch is None else watch.union(wanted)
        return watch, listening

    def layer_run(self, listeners: Iterable[Observer], run: WatchedRun) -> None:
        """Deliver what was watched of one run."""
        for observer in listeners:
            own = run.chosen(observer.layers, values=observer.output_values, histograms=observer.histograms)
            self._safely(observer, partial(observer.on_layer_run, own))

    def event(self, event: TrainingEvent) -> None:
        """Deliver a training event."""
        for observer in list(self.observers):
            if type(observer).on_training_event is not Observer.on_training_event:
                self._safely(observer, partial(observer.on_training_event, copy(event)))

    def tween_step(self, step: TweenStep) -> None:
        """Deliver a step of neural tweening."""
        for observer in list(self.observers):
            if (step.step - 1) % max(observer.every, 1) == 0:
                wanted = tuple(v for v in step.views if observer.layers is None or v.path in observer.layers)
                self._safely(observer, partial(observer.on_tween_step, replace(step, views=wanted)))

    def attached(self, observer: Observer, blueprint: object, config: Mapping[str, Any]) -> None:
        """Show an observer what it watches."""
        self._safely(observer, partial(observer.on_attach, blueprint, config))

    def _safely(self, observer: Observer, call: Callable[[], None]) -> bool:
        try:
            call()
        except Exception:
            log.exception("observer %s raised and was detached; training goes on", type(observer).__name__)
            self.observers = [o for o in self.observers if o is not observer]
            return False
        return True


def wants_layers(observer: Observer) -> bool:
    """Whether an observer listens to layers at all: one that only hears training events costs no statistics."""
    names = ("on_layer_run", "on_layer_forward", "on_layer_backward")
    return any(getattr(type(observer), name) is not getattr(Observer, name) for name in names)
