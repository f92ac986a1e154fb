"""Loom's model bundles: files built by what `nn/serialization.go` of github.com/openfluke/loom writes.

What the networks in them must answer is computed here by hand, in the plain loops that Loom's layers are.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loom_py import FileFormatError, Network, StateError, load_loom_bundle

RNG = np.random.default_rng(7)  # every value of the files
ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "relu": lambda v: max(0.0, 1.1 * v),
    "scaled_relu": lambda v: max(0.0, 1.1 * v),
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "tanh": math.tanh,
    "softplus": lambda v: math.log(1 + math.exp(v)),
    "linear": lambda v: v,
}
Pair = tuple[dict[str, Any], dict[str, Any]]


def numbers(*shape: int) -> list[float]:
    """As Go writes a flat []float32."""
    return [float(v) for v in RNG.standard_normal(math.prod(shape)).astype(np.float32)]


def model(pairs: list[Pair], grid: tuple[int, int, int] | None = None, model_id: str = "one") -> dict[str, Any]:
    rows, cols, each = grid or (1, 1, len(pairs))
    config = {"id": model_id, "batch_size": 1, "grid_rows": rows, "grid_cols": cols, "layers_per_cell": each}
    inner = {"type": "float32", "dtype": "", "layers": [weights for _, weights in pairs]}
    data = base64.b64encode(json.dumps(inner).encode()).decode()
    layers = [definition for definition, _ in pairs]
    return {"id": model_id, "cfg": config | {"layers": layers}, "weights": {"fmt": "jsonModelB64", "data": data}}


def bundle(*models: dict[str, Any]) -> bytes:
    return json.dumps({"type": "modelhost/bundle", "version": 1, "models": list(models)}, indent=2).encode()


def dense(inputs: int, outputs: int, activation: str = "relu") -> Pair:
    definition = {"type": "dense", "activation": activation, "width": 1, "height": 1}
    sizes = {"input_height": inputs, "output_height": outputs}
    return definition | sizes, {"biases": numbers(outputs), "kernel": numbers(inputs, outputs)}


def conv2d(channels: int, filters: int, kernel: int, stride: int, padding: int, height: int, width: int) -> Pair:
    counts = [(n + 2 * padding - kernel) // stride + 1 for n in (height, width)]
    definition = {
        "type": "conv2d", "activation": "relu", "input_channels": channels, "filters": filters, "kernel_size": kernel,
        "stride": stride, "input_height": height, "input_width": width, "output_height": counts[0],
        "output_width": counts[1],
    } | ({"padding": padding} if padding else {})  # fmt: skip
    return definition, {"kernel": numbers(filters, channels, kernel, kernel), "conv_bias": numbers(filters)}


def recurrent(kind: str, inputs: int, hidden: int, time: int) -> Pair:
    definition = {"type": kind, "activation": "tanh", "input_size": inputs, "hidden_size": hidden, "seq_length": time}
    if kind == "rnn":
        return definition, {
            "weight_ih": numbers(hidden, inputs), "weight_hh": numbers(hidden, hidden), "bias_h": numbers(hidden),
        }  # fmt: skip
    weights = {f"weight_i{g}": numbers(hidden, inputs) for g in "ifgo"}
    weights |= {f"weight_h{g}": numbers(hidden, hidden) for g in "ifgo"}
    return definition, weights | {f"bias_{g}": numbers(hidden) for g in "ifgo"}


def norm(kind: str, size: int, **more: Any) -> Pair:
    weights = {"gamma": numbers(size)} | ({"beta": numbers(size)} if kind == "layer_norm" else {})
    return {"type": kind, "activation": "relu", "norm_size": size} | more, weights


SOFTMAX: Pair = ({"type": "softmax", "activation": "relu", "softmax_variant": "standard", "temperature": 1}, {})


def by_hand(pairs: list[Pair], x: list[float]) -> list[float]:
    for told, weights in pairs:
        x = FORMULAS[told["type"]](told, weights, x)
    return x


def _dense(told: Any, w: Any, x: list[float]) -> list[float]:
    n, f = told["output_height"], ACTIVATIONS[told["activation"]]
    return [f(sum(v * w["kernel"][i * n + o] for i, v in enumerate(x)) + w["biases"][o]) for o in range(n)]


def _conv2d(told: Any, w: Any, x: list[float]) -> list[float]:
    c, k, height, width = (told[name] for name in ("input_channels", "kernel_size", "input_height", "input_width"))
    y = []
    for f in range(told["filters"]):
        for oh in range(told["output_height"]):
            for ow in range(told["output_width"]):
                total = w["conv_bias"][f]
                for ic, kh, kw in np.ndindex(c, k, k):
                    ih, iw = (o * told["stride"] + d - told.get("padding", 0) for o, d in ((oh, kh), (ow, kw)))
                    if 0 <= ih < height and 0 <= iw < width:
                        at = x[(ic * height + ih) * width + iw]
                        total += at * w["kernel"][((f * c + ic) * k + kh) * k + kw]
                y.append(ACTIVATIONS["relu"](total))
    return y


def _steps(told: Any, x: list[float]) -> list[list[float]]:
    n = told["input_size"]
    return [x[t * n : (t + 1) * n] for t in range(told["seq_length"])]


def _gate(weights: tuple[Any, Any, Any], x: list[float], state: list[float], h: int) -> float:
    ih, hh, bias = weights
    n, m = len(x), len(state)
    return (
        bias[h] + sum(ih[h * n + i] * v for i, v in enumerate(x)) + sum(hh[h * m + i] * v for i, v in enumerate(state))
    )


def _rnn(told: Any, w: Any, x: list[float]) -> list[float]:
    m, y = told["hidden_size"], []
    state = [0.0] * m
    for step in _steps(told, x):
        state = [math.tanh(_gate((w["weight_ih"], w["weight_hh"], w["bias_h"]), step, state, h)) for h in range(m)]
        y += state
    return y


def _lstm(told: Any, w: Any, x: list[float]) -> list[float]:
    m, y, sigmoid = told["hidden_size"], [], ACTIVATIONS["sigmoid"]
    state, cell = [0.0] * m, [0.0] * m
    for step in _steps(told, x):
        z = {
            g: [_gate((w[f"weight_i{g}"], w[f"weight_h{g}"], w[f"bias_{g}"]), step, state, h) for h in range(m)]
            for g in "ifgo"
        }
        cell = [sigmoid(z["f"][h]) * cell[h] + sigmoid(z["i"][h]) * math.tanh(z["g"][h]) for h in range(m)]
        state = [sigmoid(z["o"][h]) * math.tanh(cell[h]) for h in range(m)]
        y += state
    return y


def _layer_norm(told: Any, w: Any, x: list[float]) -> list[float]:
    mean = sum(x) / len(x)
    root = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + told.get("epsilon", 1e-5))
    return [(v - mean) / root * g + b for v, g, b in zip(x, w["gamma"], w["beta"], strict=True)]


def _rms_norm(told: Any, w: Any, x: list[float]) -> list[float]:
    n, y = told["norm_size"], []
    for start in range(0, len(x), n):
        part = x[start : start + n]
        root = math.sqrt(sum(v * v for v in part) / n + told.get("epsilon", 1e-6))
        y += [v / root * g for v, g in zip(part, w["gamma"], strict=True)]
    return y


def _softmax(told: Any, w: Any, x: list[float]) -> list[float]:
    powers = [math.exp(v / (told.get("temperature") or 1)) for v in x]
    return [v / sum(powers) for v in powers]


FORMULAS = {
    "dense": _dense, "conv2d": _conv2d, "rnn": _rnn, "lstm": _lstm, "layer_norm": _layer_norm, "rms_norm": _rms_norm,
    "softmax": _softmax,
}  # fmt: skip

MODELS: dict[str, list[Pair]] = {
    **{name: [dense(5, 4, name), dense(4, 3, "linear")] for name in ACTIVATIONS},
    "classifier": [dense(5, 7), norm("layer_norm", 7), dense(7, 4, "tanh"), SOFTMAX],
    "warm softmax": [dense(5, 4), (SOFTMAX[0] | {"softmax_variant": "temperature", "temperature": 2.5}, {})],
    "cnn": [conv2d(2, 3, 3, 2, 1, 5, 6), conv2d(3, 2, 2, 1, 0, 3, 3), dense(8, 3), SOFTMAX],
    "rnn": [recurrent("rnn", 3, 4, 5), recurrent("rnn", 4, 2, 5), dense(10, 3)],
    "lstm": [recurrent("lstm", 3, 4, 5), norm("rms_norm", 4, epsilon=0.01), dense(20, 3)],
    "rms": [dense(5, 4), norm("rms_norm", 4), dense(4, 2)],
}


@pytest.mark.parametrize("name", MODELS)
def test_it_answers_as_loom_does(name: str) -> None:
    net = load_loom_bundle(bundle(model(MODELS[name])))
    x = RNG.standard_normal((3, *net.input_shape)).astype(np.float32)
    wanted = [by_hand(MODELS[name], [float(v) for v in sample.reshape(-1)]) for sample in x]
    np.testing.assert_allclose(net.forward(x).reshape(3, -1), wanted, rtol=1e-5, atol=1e-5)


def test_grid_and_id_are_kept_and_it_goes_on_as_our_own(tmp_path: Path) -> None:
    pairs = [dense(4, 4) for _ in range(12)]
    path = tmp_path / "bundle.json"
    path.write_bytes(bundle(model(MODELS["rms"], model_id="other"), model(pairs, (2, 3, 2), "grid")))
    net = load_loom_bundle(path, "grid")
    assert (net.grid.rows, net.grid.cols, net.grid.layers_per_cell, net.model_id) == (2, 3, 2, "grid")
    again = Network.load_model(net.model_bytes())
    x = RNG.standard_normal((2, 4)).astype(np.float32)
    np.testing.assert_array_equal(again.forward(x), net.forward(x))
    with pytest.raises(StateError, match="one of other, grid, got 'third'"):
        load_loom_bundle(path, "third")
    with pytest.raises(StateError, match="one of other, grid, got None"):
        load_loom_bundle(path)


def changed(pair: Pair, told: dict[str, Any] | None = None, weights: dict[str, Any] | None = None) -> Pair:
    return pair[0] | (told or {}), pair[1] | (weights or {})


BAD_LAYERS: dict[str, tuple[list[Pair], str]] = {
    "attention": ([dense(4, 4), ({"type": "multi_head_attention", "activation": "linear", "d_model": 4}, {})],
                  r"layer 1 of a Loom bundle \(multi_head_attention\): expected one of dense"),
    "swiglu": ([({"type": "swiglu", "activation": "linear"}, {})], r"layer 0 .*\(swiglu\)"),
    "another slope": ([dense(4, 3, "leaky_relu")], r"layer 0 .*\(dense\): activation: .*0\.1 there and 0\.01 here"),
    "softmax of another kind": ([dense(4, 4), (SOFTMAX[0] | {"softmax_variant": "sparse"}, {})], "layer 1 .*'sparse'"),
    "softmax of unknown size": ([SOFTMAX], "layer 0 .*expected a layer before it"),
    "hidden residual": ([dense(4, 4), norm("rms_norm", 4), norm("layer_norm", 4)], "layer 2 .*RMSNorm before"),
    "sizes that don't meet": ([dense(4, 3), dense(4, 2)], r"layer 1 .*\(dense\): expected the output shape 3.*got 4"),
    "no axes to be had": ([dense(4, 6), recurrent("rnn", 3, 2, 2)], r"layer 1 .*\(rnn\): expected the.* 6 .*got 2×3"),
    "short kernel": ([changed(dense(4, 3), weights={"kernel": numbers(11)})], "kernel: expected 12 numbers, got .11"),
    "no bias": ([(dense(4, 3)[0], {"kernel": numbers(4, 3)})], "biases: expected 3 numbers"),
    "weights without a place": ([changed(dense(4, 3), weights={"gamma": [1.0]})], "known fields only, got 'gamma'"),
    "option without a place": ([changed(conv2d(1, 1, 2, 1, 0, 3, 3), {"dilation": 2})], "fields only, got 'dilation'"),
    "another output": ([changed(conv2d(1, 1, 2, 1, 0, 3, 3), {"output_height": 3})], r"\(2, 2\), got \(3, 2\)"),
    "kernel larger than image": ([changed(conv2d(1, 1, 2, 1, 0, 3, 3), {"input_height": 1})], "Conv2D input"),
    "texts for numbers": ([changed(dense(1, 1), weights={"kernel": ["1"]})], "kernel: expected numbers"),
    "truth for a number": ([changed(dense(1, 1), weights={"kernel": [True]})], "kernel: expected numbers"),
    "too large a number": ([changed(dense(1, 1), weights={"kernel": [1e39]})], "numbers that float32 has"),
    "size zero": ([changed(dense(1, 1), {"input_height": 0})], "input_height: expected a whole number from 1"),
    "fraction for a size": ([changed(dense(1, 1), {"input_height": 1.0})], "input_height: expected a whole number"),
    "huge size": ([changed(dense(1, 1), {"input_height": 2**31 - 1})], "expected 2147483647 numbers"),
    "larger size": ([changed(dense(1, 1), {"input_height": 10**15})], "input_height: expected a whole number"),
    "negative epsilon": ([norm("rms_norm", 2, epsilon=-1)], "epsilon: expected a number"),
    "doubles": ([changed(dense(1, 1), weights={"dtype": "float64"})], "expected float32, got 'float64'"),
    "time without end": ([recurrent("rnn", 1, 1, 10**6)], "at most 1024"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LAYERS)
def test_what_can_not_be_the_same_is_named(name: str) -> None:
    pairs, match = BAD_LAYERS[name]
    with pytest.raises(FileFormatError, match=match):
        load_loom_bundle(bundle(model(pairs)))


def whole(**changes: Any) -> bytes:
    told = json.loads(bundle(model([dense(2, 2)])))
    for path, value in changes.items():
        *way, last = path.split("__")
        at = told
        for name in way:
            at = at[int(name) if name.isdigit() else name]
        at[last] = value
    return json.dumps(told).encode()


def encoded(inner: Any) -> str:
    return base64.b64encode(json.dumps(inner).encode()).decode()


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "expected JSON"),
    "cut off": (whole()[:-20], "expected JSON"),
    "not text": (b"\xff\xfe{}", "expected JSON"),
    "another file": (b'{"type": "other"}', "expected 'modelhost/bundle' version 1"),
    "a list": (b"[]", "expected an object"),
    "several precisions": (whole(version=2), "version 1, got 'modelhost/bundle' version 2"),
    "weights of several precisions": (whole(models__0__weights__fmt="multiPrecisionB64"), "expected jsonModelB64"),
    "no models": (whole(models=[]), "models: expected a list"),
    "no base64": (whole(models__0__weights__data="%%%%"), "expected base64"),
    "no JSON within": (whole(models__0__weights__data="AAAA"), "Loom weights: expected JSON"),
    "doubles": (whole(models__0__weights__data=encoded({"type": "float64", "layers": [{}]})), "expected float32"),
    "fewer weights": (whole(models__0__weights__data=encoded({"type": "float32", "layers": [{}, {}]})), "2 of weights"),
    "huge grid": (whole(models__0__cfg__grid_rows=2**31 - 1), "expected 2147483647, one for each slot"),
    "no grid": (whole(models__0__cfg__grid_rows=None), "grid_rows: expected a whole number"),
    "layer that is none": (whole(models__0__cfg__layers=[7]), "layer 0 of a Loom bundle: expected an object"),
    "a key twice": (b'{"type": "modelhost/bundle", "type": "other"}', "unique keys in an object"),
    "NaN": (whole(models__0__cfg__seed=float("nan")), "NaN is not JSON"),
    "digits without end": (b'{"version": ' + b"9" * 5000 + b"}", "expected JSON"),
    "depth without end": (b'{"models":' * 100_000, "expected JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_hostile_files_are_refused(name: str) -> None:
    data, match = BAD_FILES[name]
    with pytest.raises(FileFormatError, match=match):
        load_loom_bundle(data)


def test_every_prefix_of_a_file_is_refused() -> None:
    data = whole().rstrip()
    for length in range(0, len(data), 7):
        with pytest.raises(FileFormatError):
            load_loom_bundle(data[:length])
