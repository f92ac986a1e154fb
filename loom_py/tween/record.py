"""The tweening step as a Program: segments forward (with the loss), targets (with the views) and update."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loom_py import ops
from loom_py.engine.compile import Compiled
from loom_py.engine.engine import Engine
from loom_py.engine.inputs import Form
from loom_py.engine.layout import WEIGHTS, optimizer_area
from loom_py.engine.update import whole_area
from loom_py.layers import Layer, Run
from loom_py.layers.run import Params
from loom_py.losses import Loss
from loom_py.ops import Tensor
from loom_py.program import Recorder
from loom_py.telemetry.instrument import StatsRecorder, StatsRequest
from loom_py.tween.config import CHAIN_LIMIT, STEP_LIMIT, TweenConfig

VELOCITY = optimizer_area("tween", "velocity")
VIEW = "view"
"""Phase of the observations behind the views; their names: dot, activation, target, gap, bad."""


@dataclass(slots=True)
class _Walk:
    """A recording in progress."""

    engine: Engine
    config: TweenConfig
    recorder: Recorder
    run: Run
    stats: StatsRecorder
    activations: list[Any]
    caches: list[Any] = field(default_factory=list)

    @property
    def layers(self) -> list[tuple[str, Layer]]:
        return list(self.engine.compiler.layers)


def record(
    engine: Engine, form: Form, loss: Loss, config: TweenConfig, request: StatsRequest | None = None
) -> Compiled:
    """Record the step for batches of one form.

    Inputs of the Program: those of a training step, `goal` (the target of the output), written after the segment
    "forward", and `rate.PATH` for each top-level layer with parameters, written after "targets"; 0 freezes the layer.
    """
    walk = _forward(engine, form, loss, config, request)
    goal = walk.recorder.input("goal", walk.activations[-1].shape)
    with walk.recorder.segment("targets"):
        (_chain if config.mode == "chain" else _targets)(walk, goal)
        walk.stats.close_backward(None, kept=False)
        walk.stats.measure_norms()
    with walk.recorder.segment("update"):
        _update(walk)
    return Compiled(walk.recorder.finish(), tuple(walk.stats.passes))


def _forward(engine: Engine, form: Form, loss: Loss, config: TweenConfig, request: StatsRequest | None) -> _Walk:
    recorder, compiler = Recorder(), engine.compiler
    x = recorder.input("x", form.shape, np.float32 if compiler.ids is None else np.int32)
    draw = recorder.input("draw", (), np.uint32)
    wanted = recorder.input("target", form.target, form.target_dtype)
    mask = recorder.input("mask", form.shape[:2]) if form.masked else None
    parameters = {
        name: recorder.persistent(place.area, place.offset, place.parameter.shape, name)
        for name, place in engine.layout.places.items()
    }
    stats = StatsRecorder(recorder, request, parameters, compiler.layers[0][0])
    run = Run(parameters, True, draw, engine.seed, stats, mask=mask)
    walk = _Walk(engine, config, recorder, run, stats, [x])
    with recorder.segment("forward"):
        for path, layer in compiler.layers:
            y, cache = run.forward(path, layer, walk.activations[-1])
            walk.activations.append(y)
            walk.caches.append(cache)
        kind = compiler.gives(form.shape).kind
        with recorder.span("", "loss"):
            value, _ = loss.head(kind)(y, wanted, *loss.extra(), **loss.attrs())
            recorder.output("loss", value)
            correct = loss.correct(y, wanted, kind)
            if correct is not None:
                recorder.output("correct", correct)
        stats.measure_norms()
    recorder.output("output", walk.activations[-1])
    return walk


def _chain(walk: _Walk, goal: Tensor) -> None:
    """Pass the gap at the output back through each layer's derivative, scaled so that it does not fade."""
    layers = walk.layers
    missing = ops.subtract(goal, walk.activations[-1])
    _view(walk, len(layers) - 1, goal, missing)
    for i in range(len(layers) - 1, -1, -1):
        path, layer = layers[i]
        scale = walk.config.scale(len(layers) - 1 - i)
        signal = _held(ops.multiply(missing, scale) if scale != 1 else missing)
        passed = walk.run.backward(path, layer, walk.caches[i], signal)
        if i == 0 or passed is None:
            break
        raw = ops.multiply(passed, layer.tween_gain) if layer.tween_gain != 1 else passed
        missing = _held(raw)
        _view(walk, i - 1, _nudged(walk, i, missing), raw)


def _targets(walk: _Walk, goal: Tensor) -> None:
    """Pass the target itself back through the weights; each layer moves its output towards its own target.

    For a layer without an inverse (`tween_target` is None) the target of its input is nudged along its derivative.
    """
    layers, target = walk.layers, goal
    for i in range(len(layers) - 1, -1, -1):
        path, layer = layers[i]
        missing = ops.subtract(target, walk.activations[i + 1])
        _view(walk, i, target, missing)
        passed = walk.run.backward(path, layer, walk.caches[i], _held(missing))
        if i == 0 or passed is None:
            break
        own = Params({p.name: walk.run.parameters[f"{path}.{p.name}"] for p in layer.parameters()})
        aim = layer.tween_target(own, target, walk.activations[i])
        low, high = layers[i - 1][1].reach
        if aim is None:
            target = _nudged(walk, i, _held(passed))
        else:
            target = ops.clamp(aim, low=max(low, -CHAIN_LIMIT), high=min(high, CHAIN_LIMIT))


def _nudged(walk: _Walk, i: int, missing: Tensor) -> Any:
    """The input of layer i, moved a little by `missing`, within the range of the layer that computes it."""
    low, high = walk.layers[i - 1][1].reach
    moved = ops.add(walk.activations[i], ops.multiply(missing, walk.config.nudge))
    return ops.clamp(moved, low=low, high=high)


def _held(value: Tensor) -> Any:
    return ops.clamp(value, low=-CHAIN_LIMIT, high=CHAIN_LIMIT)


def _view(walk: _Walk, i: int, target: Tensor, raw: Tensor) -> None:
    """Record the values of layer i's view; `raw` is the signal that came back for it, before clamping."""
    path, activation = walk.layers[i][0], walk.activations[i + 1]
    with walk.recorder.span(path, "observe"):
        values = {
            "dot": ops.sum(ops.multiply(activation, target), axes=tuple(range(len(activation.shape)))),
            "activation": ops.global_norm(activation),
            "target": ops.global_norm(target),
            "gap": ops.squared_error(activation, target)[0],
            "bad": ops.count_nonfinite(raw),
        }
        for name, value in values.items():
            walk.recorder.observe("values", path, VIEW, value, name)


def _update(walk: _Walk) -> None:
    """Move every parameter by its step, clamped to ±1, at the rate of its layer."""
    recorder, layout, rates = walk.recorder, walk.engine.layout, dict[str, Tensor]()
    weights = whole_area(recorder, layout, WEIGHTS)
    before = walk.stats.before_update(weights)
    for name, raw in walk.run.gradients.items():
        place = layout.places[name]
        top = place.path.partition(".")[0]
        rate = rates[top] if top in rates else rates.setdefault(top, recorder.input(f"rate.{top}", ()))
        pace = walk.engine.layers[place.path].tween_rate
        with recorder.span(place.path, "update"):
            step = ops.clamp(ops.multiply(ops.multiply(raw, pace), rate), low=-STEP_LIMIT, high=STEP_LIMIT)
            velocity = None
            if not place.parameter.is_bias:
                velocity = recorder.persistent(VELOCITY, place.offset, place.parameter.shape, f"v{name}")
            ops.move(walk.run.parameters[name], velocity, step, rate, momentum=walk.config.momentum)
    walk.stats.after_update(weights, before, {p.name: p.elements for p in layout.trained})
