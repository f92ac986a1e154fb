"""Cases of Dense, activations, convolutions, pools, embeddings, SwiGLU, Flatten and Dropout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .case import LayerCase
from .reference import ACTIVATIONS


def dense() -> Iterator[LayerCase]:
    for name in ACTIVATIONS:
        yield LayerCase(name=name, layer={"type": "Dense", "inputs": 5, "outputs": 7, "activation": name}, shape=(3, 5))
    layer: dict[str, Any] = {"type": "Dense", "inputs": 7, "outputs": 3}
    yield LayerCase(name="batch_1", layer=layer | {"activation": "tanh"}, shape=(1, 7))
    yield LayerCase(name="no_bias", layer=layer | {"bias": False}, shape=(5, 7))
    yield LayerCase(name="one_to_one", layer={"type": "Dense", "inputs": 1, "outputs": 1}, shape=(1, 1))
    yield LayerCase(name="over_time", layer=layer | {"activation": "gelu"}, shape=(2, 5, 7))
    yield LayerCase(
        name="wide", layer={"type": "Dense", "inputs": 67, "outputs": 33, "activation": "relu"}, shape=(9, 67)
    )


def activations() -> Iterator[LayerCase]:
    for name in ACTIVATIONS:
        layer = {"type": "Activation", "function": name}
        yield LayerCase(name=name, layer=layer, shape=(3, 11))
        yield LayerCase(name=f"{name}_edges", layer=layer, shape=(1, 18), values="edges")
        yield LayerCase(name=f"{name}_maps", layer=layer, shape=(2, 3, 3, 5))


def _conv(kind: str, ins: int, outs: int, kernel: Any, **options: Any) -> dict[str, Any]:
    return {"type": kind, "in_channels": ins, "out_channels": outs, "kernel_size": kernel, **options}


def conv1d() -> Iterator[LayerCase]:
    k = "Conv1D"
    yield LayerCase(name="plain", layer=_conv(k, 2, 3, 3), shape=(2, 2, 9))
    yield LayerCase(name="batch_1_pointwise", layer=_conv(k, 3, 5, 1, activation="silu"), shape=(1, 3, 7))
    yield LayerCase(
        name="stride_padding", layer=_conv(k, 3, 2, 3, stride=2, padding=1, activation="relu"), shape=(3, 3, 11)
    )
    yield LayerCase(name="dilation", layer=_conv(k, 2, 4, 3, dilation=2, activation="tanh"), shape=(2, 2, 11))
    yield LayerCase(name="all", layer=_conv(k, 2, 3, 4, stride=3, padding=2, dilation=2), shape=(2, 2, 13))
    yield LayerCase(name="no_bias", layer=_conv(k, 1, 2, 2, bias=False), shape=(2, 1, 5))
    yield LayerCase(name="kernel_is_input", layer=_conv(k, 2, 3, 5), shape=(2, 2, 5))


def conv2d() -> Iterator[LayerCase]:
    k = "Conv2D"
    for name in ACTIVATIONS:
        yield LayerCase(name=name, layer=_conv(k, 2, 3, 3, padding=1, activation=name), shape=(2, 2, 5, 4))
    yield LayerCase(name="batch_1_pointwise", layer=_conv(k, 3, 5, 1), shape=(1, 3, 4, 5))
    yield LayerCase(name="stride", layer=_conv(k, 2, 3, 3, stride=2), shape=(3, 2, 8, 7))
    yield LayerCase(name="dilation", layer=_conv(k, 2, 3, 3, dilation=2), shape=(2, 2, 7, 8))
    yield LayerCase(
        name="all", layer=_conv(k, 3, 2, 3, stride=2, padding=2, dilation=2, activation="relu"), shape=(2, 3, 9, 8)
    )
    pairs = {"stride": [2, 1], "padding": [0, 2], "dilation": [1, 2]}
    yield LayerCase(name="pairs", layer=_conv(k, 2, 4, [2, 3], **pairs), shape=(2, 2, 7, 6))
    yield LayerCase(name="no_bias", layer=_conv(k, 1, 2, 2, bias=False), shape=(2, 1, 3, 5))
    yield LayerCase(name="kernel_is_input", layer=_conv(k, 2, 3, [3, 4]), shape=(1, 2, 3, 4))
    yield LayerCase(name="rows_left_over", layer=_conv(k, 1, 2, 3, stride=3), shape=(2, 1, 8, 10))


def pools() -> Iterator[LayerCase]:
    for kind in ("MaxPool", "AvgPool"):
        for axes, extent in ((1, (9,)), (2, (7, 6))):
            layer: dict[str, Any] = {"type": f"{kind}{axes}D", "size": 2}
            yield LayerCase(name="plain", layer=layer, shape=(2, 3, *extent))
            yield LayerCase(name="batch_1_overlap", layer=layer | {"size": 3, "stride": 2}, shape=(1, 2, *extent))
            yield LayerCase(name="padded", layer=layer | {"size": 3, "stride": 2, "padding": 1}, shape=(2, 2, *extent))
            yield LayerCase(name="gaps", layer=layer | {"stride": 3}, shape=(2, 1, *extent))
        layer = {"type": f"{kind}2D", "size": [3, 2], "stride": [1, 2]}
        yield LayerCase(name="pairs", layer=layer, shape=(2, 2, 7, 6))


def embeddings() -> Iterator[LayerCase]:
    layer = {"type": "Embedding", "count": 11, "dim": 5}
    yield LayerCase(name="sequence", layer=layer, shape=(3, 7), ids=11)  # 21 ids of 11: some repeat
    yield LayerCase(name="batch_1", layer=layer, shape=(1, 1), ids=11)
    yield LayerCase(name="one_word", layer=layer | {"count": 1}, shape=(2, 3), ids=1)
    layer = {"type": "PositionalEmbedding", "count": 7, "dim": 3}
    yield LayerCase(name="whole", layer=layer, shape=(2, 7, 3))
    yield LayerCase(name="shorter_batch_1", layer=layer, shape=(1, 4, 3))


def swiglu() -> Iterator[LayerCase]:
    layer: dict[str, Any] = {"type": "SwiGLU", "dim": 5, "hidden": 9}
    yield LayerCase(name="plain", layer=layer, shape=(3, 5))
    yield LayerCase(name="over_time", layer=layer, shape=(2, 3, 5))
    yield LayerCase(name="biased_batch_1", layer=layer | {"bias": True}, shape=(1, 3, 5))


def reshaping() -> Iterator[LayerCase]:
    yield LayerCase(name="maps", layer={"type": "Identity"}, shape=(2, 3, 5))
    yield LayerCase(name="maps", layer={"type": "Flatten"}, shape=(2, 3, 2, 5))
    yield LayerCase(name="batch_1", layer={"type": "Flatten"}, shape=(1, 7, 3))
    yield LayerCase(name="evaluation", layer={"type": "Dropout", "rate": 0.4}, shape=(3, 7), training=False)
    yield LayerCase(name="rate_0_training", layer={"type": "Dropout", "rate": 0.0}, shape=(3, 7))


def over_axes() -> Iterator[LayerCase]:
    yield LayerCase(name="split", layer={"type": "Reshape", "shape": [2, -1]}, shape=(3, 8))
    yield LayerCase(name="maps_batch_1", layer={"type": "Reshape", "shape": [5, 2, 3]}, shape=(1, 3, 10))
    yield LayerCase(name="time_last", layer={"type": "Permute", "axes": [2, 1]}, shape=(2, 5, 3))
    yield LayerCase(name="maps_batch_1", layer={"type": "Permute", "axes": [3, 1, 2]}, shape=(1, 2, 3, 5))
    for kind in ("Mean", "Max"):
        layer: dict[str, Any] = {"type": kind}
        yield LayerCase(name="over_time", layer=layer, shape=(2, 5, 3))
        yield LayerCase(name="over_maps", layer=layer | {"axes": [2, 3]}, shape=(2, 3, 5, 4))
        yield LayerCase(name="apart_batch_1", layer=layer | {"axes": [1, -1], "keepdims": True}, shape=(1, 3, 5, 4))
        yield LayerCase(name="large", layer=layer | {"axes": -1}, shape=(2, 5, 3), values="large")
    layer = {"type": "Take", "index": -1}
    yield LayerCase(name="last", layer=layer, shape=(2, 5, 3))
    yield LayerCase(name="first_batch_1", layer=layer | {"index": 0}, shape=(1, 5, 3))
    yield LayerCase(name="channel", layer=layer | {"index": 2, "axis": 3}, shape=(2, 2, 3, 5))


def cases() -> Iterator[LayerCase]:
    for group in (dense, activations, conv1d, conv2d, pools, embeddings, swiglu, reshaping, over_axes):
        yield from group()
