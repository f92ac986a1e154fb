"""What the tests of tweening share: an observer that keeps what it is told, a small network and its problem."""

from __future__ import annotations

from typing import Any

import numpy as np

from loom_py import Dense, LayerStats, Network, Observer, Softmax, TrainingEvent, TweenConfig, TweenStep, TweenTrainer

RNG = np.random.default_rng(11)
X = RNG.normal(size=(90, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)


class Notes(Observer):
    """Keeps what it is told, and in which order."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.steps: list[TweenStep] = []
        self.events: list[TrainingEvent] = []
        self.stats: list[LayerStats] = []
        self.order: list[str] = []

    def on_tween_step(self, step: TweenStep) -> None:
        self.steps.append(step)
        self.order.append("step")

    def on_training_event(self, event: TrainingEvent) -> None:
        self.events.append(event)
        self.order.append(event.type)

    def on_layer_forward(self, layer_idx: int, stats: LayerStats) -> None:
        self.stats.append(stats)
        self.order.append(f"{stats.phase} {stats.path}")

    on_layer_backward = on_layer_forward


def small(seed: int = 0) -> Network:
    return Network.of(4, [Dense(4, 8, "tanh"), Dense(8, 2), Softmax()], seed=seed)


def tween(net: Network, **options: Any) -> TweenTrainer:
    return TweenTrainer(net, TweenConfig(**{"learning_rate": 1.0, **options}))
