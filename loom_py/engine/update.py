"""The update of a training step as instructions: clipping, guard, one optimizer update per group of parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from loom_py import ops
from loom_py.engine.layout import BUFFERS, GRADIENTS, NORM_LIMIT, SUMMED, WEIGHTS, Layout, Place, optimizer_area
from loom_py.losses import Loss
from loom_py.ops import Tensor
from loom_py.optimizers import Optimizer, ParameterGroup
from loom_py.program import Recorder
from loom_py.telemetry.instrument import StatsRecorder, WeightUpdate


@dataclass(frozen=True)
class StepOptions:
    """Options of a training step; hashable, since a Program is compiled for them.

    Attributes:
        clip_norm: largest norm of all gradients together, None for no limit.
        clip_value: largest absolute value of a gradient element, None for no limit.
        groups: parameters with their own options.
        micro_batch: samples processed at a time, None for the whole batch.
    """

    loss: Loss
    optimizer: Optimizer
    clip_norm: float | None = None
    clip_value: float | None = None
    groups: tuple[ParameterGroup, ...] = ()
    micro_batch: int | None = None


def whole_area(recorder: Recorder, layout: Layout, area: str, like: str | None = None) -> Tensor:
    """A whole memory area as one flat array; `like` names the area whose size it has."""
    return recorder.persistent(area, 0, (layout.sizes[like or area] // 4,), area)


def record_sum(recorder: Recorder, layout: Layout, *, last: bool) -> None:
    """Add a micro-batch's share of the gradients to the sum; after the last one the sum becomes the gradients.

    Inputs of the Program: `share`, the part's share of the batch, and, except in the last, `keep`: 0 in the first.
    """
    gradients = whole_area(recorder, layout, GRADIENTS, WEIGHTS)
    total = whole_area(recorder, layout, SUMMED, WEIGHTS)
    share = recorder.input("share", ())
    if last:
        ops.accumulate(gradients, total, share, 1.0)
    else:
        ops.accumulate(total, gradients, recorder.input("keep", ()), share)


def record_update(
    recorder: Recorder,
    layout: Layout,
    options: StepOptions,
    loss: Tensor | None,
    stats: StatsRecorder | None = None,
    *,
    late: bool = False,
    summed: bool = False,
) -> Tensor:
    """Current gradients → parameters; outputs gradient_norm and ok, which is returned.

    `ok` is 0 where the loss or a buffer is not finite, or the norm of all gradients is above the limit in NORM_LIMIT.
    `summed` gradients differ from those of the backward pass. With `late` results `ok` is also 0 after a run in which
    it was 0: for steps that were started before this was known.
    """
    weights = whole_area(recorder, layout, WEIGHTS)
    gradients = whole_area(recorder, layout, GRADIENTS, WEIGHTS)
    norm = ops.global_norm(gradients)
    limit = recorder.persistent(NORM_LIMIT, 0, (), NORM_LIMIT)
    buffers = ops.global_norm(whole_area(recorder, layout, BUFFERS)) if loss and layout.sizes[BUFFERS] else None
    ok: Tensor = ops.finite_guard(norm if loss is None else loss, norm, limit, buffers)
    if late:
        ops.restore_unless(limit, -1.0, ok)
    if options.clip_value is not None:
        ops.clip_values(gradients, limit=options.clip_value)
    scale = None
    if options.clip_norm is not None:
        clipped = ops.global_norm(gradients) if options.clip_value is not None else norm
        scale = ops.clip_scale(clipped, max_norm=options.clip_norm)
    updates = list(_updates(recorder, layout, options, scale))
    before = stats.before_update(weights) if stats and any(update.direction is None for update in updates) else None
    number = recorder.input("update_number", ())
    for update in updates:
        update.optimizer.update(update.weights, update.gradients, update.state, update.rate, number, scale, ok)
    if stats:
        if summed or options.clip_value is not None:
            stats.forget_gradients()
        stats.after_update(weights, before, {p.name: p.elements for p in layout.trained}, updates, ok)
    recorder.output("gradient_norm", norm)
    recorder.output("ok", ok)
    return ok


def _updates(recorder: Recorder, layout: Layout, options: StepOptions, scale: Tensor | None) -> Iterator[WeightUpdate]:
    """The updates of a step, one for each group of parameters."""
    rate = recorder.input("learning_rate", ())
    for group, start, stop in contiguous(layout, options.groups):

        def part(area: str, start: int = start, stop: int = stop) -> Tensor:
            return recorder.persistent(area, 4 * start, (stop - start,), area)

        optimizer = options.optimizer if group is None else group.applied(options.optimizer)
        state = {name: part(optimizer_area(optimizer.name, name)) for name in optimizer.state()}
        own_rate = rate if group is None or group.rate == 1 else ops.multiply(rate, group.rate)
        gradients, left = part(GRADIENTS), optimizer.leaves_step()
        yield WeightUpdate(
            start, stop, optimizer, part(WEIGHTS), gradients, state, own_rate,
            direction={"gradient": gradients, **state}[left] if left else None,
            scale=scale if left == "gradient" else None,
        )  # fmt: skip


def contiguous(layout: Layout, groups: tuple[ParameterGroup, ...]) -> Iterator[tuple[ParameterGroup | None, int, int]]:
    """Ranges of the flat weights whose parameters belong to one group (None: to none), by first and last+1 element.

    A range extends to the start of the next, so padding is updated with it; it is 0 and stays 0.
    """

    def group_of(place: Place) -> ParameterGroup | None:
        return next((g for g in groups if g.holds(place.name, place.parameter.shape)), None)

    places = sorted(layout.trained, key=lambda place: place.offset)
    runs = [(group, next(iter(found)).offset // 4) for group, found in groupby(places, key=group_of)]
    ends = [*runs, (None, layout.sizes[WEIGHTS] // 4)]
    for (group, start), (_, stop) in pairwise(ends):
        yield group, start, stop
