"""The tweening step as a Program: segments forward, targets (with the views) and update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loom_py import ops
from loom_py.layers import Layer, Run
from loom_py.network.arrays import Layout, optimizer_area
from loom_py.ops import Tensor
from loom_py.program import Program, Recorder
from loom_py.shapes import Shape
from loom_py.tween.config import CHAIN_LIMIT, STEP_LIMIT, TweenConfig

VELOCITY = optimizer_area("tween", "velocity")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A Program, and for each layer the numbers of its observations: dot, activation norm, target norm, gap, bad."""

    program: Program
    views: Mapping[str, tuple[int, int, int, int, int]]


@dataclass(slots=True)
class _Walk:
    recorder: Recorder
    layers: Sequence[tuple[str, Layer]]
    config: TweenConfig
    run: Run
    activations: list[Tensor]
    caches: list[Any]
    views: dict[str, tuple[int, int, int, int, int]]
    steps: dict[str, Tensor]


def record(
    layers: Sequence[tuple[str, Layer]], layout: Layout, seed: int, shape: Shape, ids: int | None, config: TweenConfig
) -> Recorded:
    """Record the step for one batch shape."""
    recorder = Recorder()
    x = recorder.input("x", shape, np.float32 if ids is None else np.int32)
    draw = recorder.input("draw", (), np.uint32)
    parameters = {
        name: recorder.persistent(place.area, place.offset, place.parameter.shape, name)
        for name, place in layout.places.items()
    }
    run = Run(parameters, True, draw, seed)
    walk = _Walk(recorder, layers, config, run, [x], [], {}, {})
    with recorder.segment("forward"):
        for path, layer in layers:
            y, cache = run.forward(path, layer, walk.activations[-1])
            walk.activations.append(y)
            walk.caches.append(cache)
    output = walk.activations[-1]
    recorder.output("output", output)
    target = recorder.input("target", output.shape)
    with recorder.segment("targets"):
        (_chain if config.mode == "chain" else _targets)(walk, target)
    with recorder.segment("update"):
        _update(walk, layout, parameters)
    return Recorded(recorder.finish(), walk.views)


def _chain(walk: _Walk, target: Tensor) -> None:
    """What is missing at the output goes back through each layer's own derivative, scaled against fading."""
    missing = ops.subtract(target, walk.activations[-1])
    _view(walk, len(walk.layers) - 1, target, missing)
    for i in range(len(walk.layers) - 1, -1, -1):
        path, layer = walk.layers[i]
        scale = walk.config.scale(len(walk.layers) - 1 - i)
        signal = _held(ops.multiply(missing, scale) if scale != 1 else missing)
        before = set(walk.run.gradients)
        passed = walk.run.backward(path, layer, walk.caches[i], signal)
        _note_steps(walk, layer, before)
        if i == 0 or passed is None:
            break
        missing = _held(ops.multiply(passed, layer.tween_gain))
        low, high = walk.layers[i - 1][1].reach
        nudged = ops.add(walk.activations[i], ops.multiply(missing, walk.config.nudge))
        _view(walk, i - 1, ops.clamp(nudged, low=low, high=high), missing)


def _targets(walk: _Walk, target: Tensor) -> None:
    """The target itself goes back through the weights; each layer moves its own output towards its own target."""
    for i in range(len(walk.layers) - 1, -1, -1):
        path, layer = walk.layers[i]
        missing = ops.subtract(target, walk.activations[i + 1])
        _view(walk, i, target, missing)
        before = set(walk.run.gradients)
        walk.run.backward(path, layer, walk.caches[i], _held(missing))
        _note_steps(walk, layer, before)
        if i == 0:
            break
        own = {p.name: walk.run.parameters[f"{path}.{p.name}"] for p in layer.parameters()}
        passed = layer.tween_target(own, target)
        if passed is None or tuple(passed.shape) != tuple(walk.activations[i].shape):
            passed = walk.activations[i]
        low, high = walk.layers[i - 1][1].reach
        target = ops.clamp(passed, low=low, high=high)


def _held(value: Any) -> Any:
    return ops.clamp(value, low=-CHAIN_LIMIT, high=CHAIN_LIMIT)


def _view(walk: _Walk, i: int, target: Tensor, missing: Tensor) -> None:
    """Record what the link budget and the gap of layer i are made of."""
    path, activation = walk.layers[i][0], walk.activations[i + 1]
    axes = tuple(range(len(activation.shape)))
    with walk.recorder.span(path, "observe"):
        values = (
            ops.sum(ops.multiply(activation, target), axes=axes),
            ops.global_norm(activation),
            ops.global_norm(target),
            ops.squared_error(activation, target)[0],
            ops.count_bad(missing),
        )
        first = len(walk.recorder.observations)
        for value in values:
            walk.recorder.observe("values", path, "targets", value)
    a, b, c, d, e = range(first, first + 5)
    walk.views[path] = (a, b, c, d, e)


def _note_steps(walk: _Walk, layer: Layer, before: set[str]) -> None:
    """The gradients that a layer (nested ones too) just left, as raw steps at the layer's own pace."""
    for name in set(walk.run.gradients) - before:
        walk.steps[name] = ops.multiply(walk.run.gradients[name], layer.tween_rate)


def _update(walk: _Walk, layout: Layout, parameters: Mapping[str, Tensor]) -> None:
    """Move every parameter by its step, held between ±1; `rate.PATH` is each top-level layer's rate of this step."""
    rates = {path: walk.recorder.input(f"rate.{path}", ()) for path, _ in walk.layers}
    for name in sorted(walk.steps):
        place = layout.places[name]
        with walk.recorder.span(place.path, "update"):
            step = ops.multiply(walk.steps[name], rates[name.partition(".")[0]])
            step = ops.clamp(step, low=-STEP_LIMIT, high=STEP_LIMIT)
            velocity = None
            if not place.parameter.is_bias:
                velocity = walk.recorder.persistent(VELOCITY, place.offset, place.parameter.shape, f"v{name}")
            ops.move(parameters[name], velocity, step, momentum=walk.config.momentum)
