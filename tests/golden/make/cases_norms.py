"""Cases of the normalisations and of the Softmax variants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import LayerCase


def last_axis() -> Iterator[LayerCase]:
    for kind in ("LayerNorm", "RMSNorm"):
        layer: dict[str, Any] = {"type": kind, "dim": 7}
        yield LayerCase(name="plain", layer=layer, shape=(3, 7))
        yield LayerCase(name="batch_1", layer=layer, shape=(1, 7))
        yield LayerCase(name="over_time", layer=layer, shape=(2, 5, 7))
        yield LayerCase(name="eps", layer=layer | {"eps": 0.1}, shape=(3, 7))
        yield LayerCase(name="fresh", layer=layer, shape=(3, 7), weights="fresh")
        yield LayerCase(name="large", layer=layer, shape=(4, 7), values="large")
        yield LayerCase(name="wide", layer=layer | {"dim": 65}, shape=(2, 65))


def channels() -> Iterator[LayerCase]:
    layer: dict[str, Any] = {"type": "GroupNorm", "groups": 2, "dim": 6}
    yield LayerCase(name="maps", layer=layer, shape=(3, 6, 3, 5))
    yield LayerCase(name="batch_1", layer=layer, shape=(1, 6, 5))
    yield LayerCase(name="vectors", layer=layer, shape=(3, 6))
    yield LayerCase(name="one_group", layer=layer | {"groups": 1}, shape=(2, 6, 3, 2))
    yield LayerCase(name="group_per_channel", layer=layer | {"groups": 6, "eps": 1e-3}, shape=(2, 6, 3, 3))
    layer = {"type": "BatchNorm", "dim": 5}
    for training in (True, False):
        phase = "training" if training else "evaluation"
        yield LayerCase(name=f"vectors_{phase}", layer=layer, shape=(9, 5), training=training)
        yield LayerCase(name=f"sequence_{phase}", layer=layer, shape=(3, 5, 7), training=training)
        yield LayerCase(name=f"maps_{phase}", layer=layer, shape=(2, 5, 3, 4), training=training)
        yield LayerCase(name=f"batch_1_maps_{phase}", layer=layer, shape=(1, 5, 3, 3), training=training)
    yield LayerCase(name="batch_1_evaluation", layer=layer, shape=(1, 5), training=False)
    yield LayerCase(name="momentum_eps", layer=layer | {"momentum": 0.3, "eps": 1e-2}, shape=(7, 5))
    yield LayerCase(name="fresh", layer=layer, shape=(7, 5), weights="fresh")
    yield LayerCase(name="large", layer=layer, shape=(7, 5), values="large")


def softmax() -> Iterator[LayerCase]:
    layer: dict[str, Any] = {"type": "Softmax"}
    rng = np.random.default_rng(7)
    for variant in ("standard", "sparsemax", "entmax15"):
        kind = layer | {"variant": variant}
        yield LayerCase(name=variant, layer=kind, shape=(5, 7))
        yield LayerCase(name=f"{variant}_batch_1", layer=kind, shape=(1, 3))
        yield LayerCase(name=f"{variant}_over_time", layer=kind, shape=(2, 3, 5))
        yield LayerCase(name=f"{variant}_large", layer=kind, shape=(4, 7), values="large")
        yield LayerCase(name=f"{variant}_one_class", layer=kind, shape=(2, 1))
        yield LayerCase(name=f"{variant}_temperature", layer=kind | {"temperature": 2.5}, shape=(4, 7))
    yield LayerCase(name="cold", layer=layer | {"temperature": 0.25}, shape=(4, 7))
    yield LayerCase(name="edges", layer=layer, shape=(1, 18), values="edges")
    mask = rng.random((4, 7)) < 0.6
    mask[:, 2] = True  # every row keeps something
    yield LayerCase(name="masked", layer=layer | {"variant": "masked"}, shape=(4, 7), mask=mask)


def cases() -> Iterator[LayerCase]:
    for group in (last_axis, channels, softmax):
        yield from group()
