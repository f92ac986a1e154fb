"""Dispatch to a network's observers: which are due, and delivery that no failing observer can disturb."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

from loom_py.telemetry.events import LayerStats, TrainingEvent, TweenStep
from loom_py.telemetry.frame import StatsFrame
from loom_py.telemetry.instrument import StatsRequest
from loom_py.telemetry.observer import Observer
from loom_py.telemetry.sampling import Sampling

log = logging.getLogger("loom_py")


class Dispatcher:
    """The attached observers. One that raises is reported once and detached; training goes on."""

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self._sampling: dict[int, Sampling] = {}

    def sampling(self, observer: Observer) -> Sampling:
        """Sampling of an observer; restarted when its options change."""
        known = self._sampling.get(id(observer))
        if known is None or (known.every, known.budget) != (max(observer.every, 1), observer.budget):
            attached = {id(o) for o in self.observers}  # a later object may have the id of one that is gone
            self._sampling = {key: found for key, found in self._sampling.items() if key in attached}
            known = self._sampling[id(observer)] = Sampling(observer.every, observer.budget)
        return known

    def note(self, listeners: list[Observer], ns: int) -> None:
        """Note the time of a run, and update the measured share of observers with a budget."""
        for observer in self.observers:
            if observer.budget is not None:
                sampling = self.sampling(observer)
                sampling.note(bool(listeners), ns)
                observer.measured_share = sampling.share

    def due(self, tick: int) -> tuple[StatsRequest | None, list[Observer]]:
        """Observers that are due for run number `tick`, and their combined request; None without observers."""
        listening = [o for o in self.observers if wants_layers(o) and self.sampling(o).due(tick)]
        request: StatsRequest | None = None
        for o in listening:
            wanted = StatsRequest(o.layers, o.output_values, o.histograms, o.output_samples)
            request = wanted if request is None else request.union(wanted)
        return request, listening

    def frame(self, listeners: Iterable[Observer], frame: StatsFrame) -> None:
        """Deliver the measurements of one run, to each observer the part that it asked for."""
        for observer in listeners:
            values = observer.output_values or observer.output_samples
            own = frame.subset(observer.layers, values=values, histograms=observer.histograms)
            self._safely(observer, partial(observer.on_frame, own))

    def record(self, listeners: Iterable[Observer], record: LayerStats) -> None:
        """Deliver one record that comes without a frame, to each observer what it asked for."""
        for observer in listeners:
            if observer in self.observers and (observer.layers is None or record.path in observer.layers):
                values = observer.output_values or (observer.output_samples and record.phase == "forward")
                own = replace(
                    record,
                    output_values=record.output_values.copy() if values and record.output_values is not None else None,
                    histogram=record.histogram if observer.histograms else None,
                )
                handler = observer.on_layer_forward if record.phase == "forward" else observer.on_layer_backward
                self._safely(observer, partial(handler, record.layer_index, own))

    def event(self, event: TrainingEvent) -> None:
        """Deliver a training event."""
        for observer in list(self.observers):
            if type(observer).on_training_event is not Observer.on_training_event:
                self._safely(observer, partial(observer.on_training_event, copy(event)))

    def run_data(self, make: Callable[[], object]) -> None:
        """Deliver the data and options of a run that begins; they are made only if an observer takes them."""
        taking = [o for o in self.observers if type(o).on_run_data is not Observer.on_run_data]
        if taking:
            data = make()
            for observer in taking:
                self._safely(observer, partial(observer.on_run_data, data))

    def tween_step(self, step: TweenStep) -> None:
        """Deliver a step of neural tweening."""
        for observer in list(self.observers):
            if (step.step - 1) % max(observer.every, 1) == 0:
                wanted = tuple(v for v in step.views if observer.layers is None or v.path in observer.layers)
                self._safely(observer, partial(observer.on_tween_step, replace(step, views=wanted)))

    def attached(self, observer: Observer, blueprint: object, config: Mapping[str, Any]) -> None:
        """Deliver the blueprint and config of the network."""
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
    """Whether an observer takes layer statistics at all: one that only takes training events costs none."""
    names = ("on_frame", "on_layer_forward", "on_layer_backward")
    return any(getattr(type(observer), name) is not getattr(Observer, name) for name in names)
