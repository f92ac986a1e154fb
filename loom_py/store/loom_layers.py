"""Loom's layers as layers of this package, where both compute the same.

Their computation is defined in `nn/` of github.com/openfluke/loom: `dense.go`, `cnn.go`, `rnn.go`, `lstm.go`,
`layernorm.go`, `rmsnorm.go`, `softmax.go`, `activations.go`; their sequence in `forward.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from loom_py.errors import FileFormatError
from loom_py.layers import LSTM, RNN, Conv2D, Dense, Layer, LayerNorm, RMSNorm, Softmax
from loom_py.ops import ActivationName
from loom_py.shapes import AnyArray, Shape, size_of
from loom_py.store.loom_fields import Fields

GAIN = np.float32(1.1)
"""Loom's relu is max(0, 1.1·x): ours with weights and bias 1.1 times as large."""
_ACTIVATIONS = {
    "relu": "relu", "scaled_relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "softplus": "softplus",
    "linear": "linear",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A layer with its arrays, and its input and output shapes of one sample."""

    layer: Layer
    takes: Shape
    gives: Shape
    arrays: dict[str, AnyArray] = field(default_factory=dict)


def read_piece(definition: Fields, weights: Fields, shape: Shape | None, before: tuple[str, ...]) -> Piece:
    """One layer of Loom's.

    Args:
        definition: its definition.
        weights: its arrays.
        shape: shape of its input samples; None for the first layer.
        before: types of the layers before it.

    Raises:
        FileFormatError: the layer or an option has no equivalent, or sizes don't fit the arrays.
    """
    kind = definition.text("type")
    if kind not in _READERS:
        raise FileFormatError.expected(
            f"{definition.where} ({kind[:40]})",
            expected=f"one of {', '.join(_READERS)}",
            got="another layer",
        )
    if kind.startswith("layer") and any(name.startswith("rms") for name in before):
        raise FileFormatError(
            f"{definition.where} ({kind}): expected no RMSNorm before a LayerNorm, got one; Loom adds its input there"
        )
    piece = _READERS[kind](definition, weights, shape)
    if weights.take("dtype", "float32") != "float32":
        raise FileFormatError.expected(weights.where, expected="float32", got=repr(weights.take("dtype"))[:40])
    definition.finish("activation", "width", "height")
    weights.finish()
    return piece


def _dense(definition: Fields, weights: Fields, shape: Shape | None) -> Piece:
    inputs, outputs = definition.size("input_height"), definition.size("output_height")
    activation, gain = _activation(definition)
    arrays = {
        "weight": gain * weights.array("kernel", inputs, outputs),
        "bias": gain * weights.array("biases", outputs),
    }
    return Piece(Dense(inputs, outputs, activation), (inputs,), (outputs,), arrays)


def _conv2d(definition: Fields, weights: Fields, shape: Shape | None) -> Piece:
    channels, filters, kernel = (definition.size(name) for name in ("input_channels", "filters", "kernel_size"))
    stride, padding = definition.size("stride"), definition.size("padding", least=0)
    activation, gain = _activation(definition)
    layer = Conv2D(channels, filters, kernel, stride=stride, padding=padding, activation=activation)
    takes = channels, definition.size("input_height"), definition.size("input_width")
    layer.check_input(takes)
    gives = filters, definition.size("output_height"), definition.size("output_width")
    if layer.geometry.counts(takes[1:]) != gives[1:]:
        raise FileFormatError.expected(definition.where, expected=layer.geometry.counts(takes[1:]), got=gives[1:])
    weight = gain * weights.array("kernel", filters, channels, kernel, kernel)
    return Piece(layer, takes, gives, {"weight": weight, "bias": gain * weights.array("conv_bias", filters)})


def _rnn(definition: Fields, weights: Fields, shape: Shape | None) -> Piece:
    inputs, hidden, time = (definition.size(name) for name in ("input_size", "hidden_size", "seq_length"))
    arrays = {
        "weight_ih": weights.array("weight_ih", hidden, inputs).T,
        "weight_hh": weights.array("weight_hh", hidden, hidden).T,
        "bias": weights.array("bias_h", hidden),
    }
    return Piece(RNN(inputs, hidden), (time, inputs), (time, hidden), arrays)


def _lstm(definition: Fields, weights: Fields, shape: Shape | None) -> Piece:
    inputs, hidden, time = (definition.size(name) for name in ("input_size", "hidden_size", "seq_length"))
    arrays = {
        "weight_ih": np.concatenate([weights.array(f"weight_i{gate}", hidden, inputs) for gate in "ifgo"]).T,
        "weight_hh": np.concatenate([weights.array(f"weight_h{gate}", hidden, hidden) for gate in "ifgo"]).T,
        "bias": np.concatenate([weights.array(f"bias_{gate}", hidden) for gate in "ifgo"]),
    }
    return Piece(LSTM(inputs, hidden), (time, inputs), (time, hidden), arrays)


def _layer_norm(definition: Fields, weights: Fields, shape: Shape | None) -> Piece:
    dim = definition.size("norm_size")
    arrays = {"weight": weights.array("gamma", dim), "bias": weights.array("beta", dim)}
    return Piece(LayerNorm(dim, eps=definition.number("epsilon", 1e-5)), (dim,), (dim,), arrays)


def _rms_norm(definition: Fields, weights: Fields, shape: Shape | None) -> Piece:
    """Over the last axis, so that each step of a sequence is normalised by itself."""
    dim = definition.size("norm_size")
    takes = shape if shape is not None and shape[-1] == dim else (dim,)
    layer = RMSNorm(dim, eps=definition.number("epsilon", 1e-6))
    return Piece(layer, takes, takes, {"weight": weights.array("gamma", dim)})


def _softmax(definition: Fields, weights: Fields, shape: Shape | None) -> Piece:
    """Over all values of a sample."""
    variant = definition.take("softmax_variant", "standard")
    if variant not in ("standard", "temperature") or definition.take("gumbel_noise", False):
        raise FileFormatError.expected(
            f"{definition.where} (softmax)", expected="the variant standard or temperature", got=repr(variant)[:40]
        )
    if shape is None:
        raise FileFormatError(
            f"{definition.where} (softmax): expected a layer before it, from which its size follows, got none"
        )
    size = (size_of(shape),)
    for name in ("softmax_rows", "softmax_cols", "entmax_alpha"):
        definition.take(name)  # of other variants
    return Piece(Softmax(temperature=definition.number("temperature", 1.0)), size, size)


def _activation(definition: Fields) -> tuple[ActivationName, np.float32]:
    """The equivalent activation, and the factor on weights and bias that makes it equal to Loom's."""
    name = definition.text("activation")
    if name not in _ACTIVATIONS:
        note = ", whose slope is 0.1 there and 0.01 here" if name == "leaky_relu" else ""
        raise FileFormatError.expected(
            f"{definition.where} ({definition.text('type')[:40]}): activation",
            expected=" or ".join(_ACTIVATIONS),
            got=f"{name[:40]!r}{note}",
        )
    return cast("ActivationName", _ACTIVATIONS[name]), GAIN if name.endswith("relu") else np.float32(1)


_READERS: dict[str, Callable[[Fields, Fields, Shape | None], Piece]] = {
    "dense": _dense,
    "conv2d": _conv2d,
    "rnn": _rnn,
    "lstm": _lstm,
    "layer_norm": _layer_norm,
    "layernorm": _layer_norm,
    "rms_norm": _rms_norm,
    "rmsnorm": _rms_norm,
    "softmax": _softmax,
}
