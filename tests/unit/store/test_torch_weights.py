"""PyTorch's safetensors files answer here as they do there, and what does not fit is told before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from loom_py import (
    GRU,
    LSTM,
    Activation,
    BatchNorm,
    ConfigError,
    DataError,
    Dense,
    Embedding,
    FileFormatError,
    LayerNorm,
    MultiHeadAttention,
    Network,
    ShapeError,
    StateError,
)
from loom_py.shapes import AnyArray
from loom_py.store import pack_tensors
from tests.golden.loader import Golden, load

RNG = np.random.default_rng(0)


def network(case: Golden) -> Network:
    shape = list(case.arrays["input"].shape[1:])
    return Network.from_config({"input_shape": shape, "seed": 1, "layers": case.line["layers"]})


@pytest.mark.parametrize("case", load("torch_files"), ids=lambda case: case.line["name"])
def test_the_network_answers_as_pytorch_did(case: Golden) -> None:
    net, wanted = network(case), case.arrays["output"]
    before = net.forward(case.arrays["input"])
    net.load_torch_weights(case.arrays["file"].tobytes(), case.line["names"])
    got = net.forward(case.arrays["input"])
    assert np.abs(before - wanted).max() > 0.05
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def normal(*shape: int) -> AnyArray:
    return RNG.standard_normal(shape).astype(np.float32)


def linear(name: str, inputs: int, outputs: int) -> dict[str, AnyArray]:
    return {f"{name}.weight": normal(outputs, inputs), f"{name}.bias": normal(outputs)}


def two() -> Network:
    return Network.of(4, [Dense(4, 3, "tanh"), Dense(3, 2)], seed=1)


def refused(net: Network, error: type[Exception], match: str, tensors: Mapping[str, Any], names: Any = None) -> None:
    before = net.parameters()
    with pytest.raises(error, match=match):
        net.load_torch_weights(pack_tensors(tensors), names)
    assert all((net.parameters()[name] == value).all() for name, value in before.items())


def test_a_file_is_taken_by_path(tmp_path: Any) -> None:
    tensors = linear("a", 4, 3) | linear("b", 3, 2)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pack_tensors(tensors))
    net = two()
    net.load_torch_weights(path)
    np.testing.assert_array_equal(net.parameters()["1.weight"], tensors["b.weight"].T)
    np.testing.assert_array_equal(net.parameters()["0.bias"], tensors["a.bias"])


def test_a_bare_layer_has_no_module_name() -> None:
    tensors = {"weight": normal(3, 4), "bias": normal(3)}
    net = Network.of(4, [Dense(4, 3)])
    net.load_torch_weights(pack_tensors(tensors))
    np.testing.assert_array_equal(net.parameters()["0.weight"], tensors["weight"].T)


def test_layers_that_the_map_leaves_out_stay() -> None:
    net, tensors = two(), linear("encoder", 4, 3) | linear("other", 9, 9)
    kept = net.parameters()["1.weight"]
    net.load_torch_weights(pack_tensors(tensors), {"encoder": "0"})
    np.testing.assert_array_equal(net.parameters()["0.weight"], tensors["encoder.weight"].T)
    np.testing.assert_array_equal(net.parameters()["1.weight"], kept)


def test_names_that_tell_no_order_are_refused_and_both_sides_listed() -> None:
    net = Network.of(3, [Dense(3, 3), Dense(3, 3)])
    tensors = linear("first", 3, 3) | linear("second", 3, 3)
    refused(net, ConfigError, r"give names=.*first\.weight 3×3.*takes: 0\.weight 3×3 \(Dense\)", tensors)
    net.load_torch_weights(pack_tensors(tensors), {"first": "1", "second": "0"})
    np.testing.assert_array_equal(net.parameters()["1.weight"], tensors["first.weight"].T)


def test_without_a_map_nothing_may_be_left_over_on_either_side() -> None:
    whole = linear("fc1", 4, 3) | linear("fc2", 3, 2)
    refused(two(), ConfigError, "ambiguous", whole | {"fc3.weight": normal(2, 2)})
    refused(two(), ConfigError, "ambiguous", {k: v for k, v in whole.items() if k != "fc2.bias"})
    refused(two(), ConfigError, "ambiguous", linear("fc1", 4, 3) | linear("fc2", 3, 5))
    refused(two(), ConfigError, "ambiguous", {"fc.lora_weight" if k == "fc2.bias" else k: v for k, v in whole.items()})


def test_two_layers_and_both_directions_of_an_lstm_are_no_single_layer() -> None:
    one = {"weight_ih_l0": (16, 3), "weight_hh_l0": (16, 4), "bias_ih_l0": (16,), "bias_hh_l0": (16,)}
    tensors = {f"rnn.{name}{end}": normal(*shape) for name, shape in one.items() for end in ("", "_reverse")}
    refused(Network.of((5, 3), [LSTM(3, 4)]), ConfigError, "weight_ih_l0_reverse", tensors)


def lstm(*ends: str) -> dict[str, AnyArray]:
    shapes = {"weight_ih": (16, 3), "weight_hh": (16, 4), "bias_ih": (16,), "bias_hh": (16,)}
    return {f"m.{name}{end}": normal(*shape) for name, shape in shapes.items() for end in ends}


NORM = {f"m.{name}": np.ones(3, np.float32) for name in ("weight", "bias", "running_mean", "running_var")}
WHOLE_MODULES: dict[str, tuple[Any, dict[str, AnyArray], dict[str, AnyArray]]] = {
    "a second direction": (LSTM(3, 4), lstm("_l0"), {"m.bias_hh_l0_reverse": normal(16)}),
    "a second level": (LSTM(3, 4), lstm("_l0"), {"m.weight_ih_l1": normal(16, 4)}),
    "a projection": (GRU(3, 4), {n: a[:12] for n, a in lstm("_l0").items()}, {"m.weight_hr_l0": normal(2, 4)}),
    "a bias": (Dense(3, 2, bias=False), {"m.weight": normal(2, 3)}, {"m.bias": normal(2)}),
    "attention's own keys": (
        MultiHeadAttention(4, 2),
        {"m.in_proj_weight": normal(12, 4), "m.in_proj_bias": normal(12)} | linear("m.out_proj", 4, 4),
        {"m.bias_k": normal(1, 1, 4)},
    ),
    "a buffer": (BatchNorm(3), NORM | {"m.num_batches_tracked": np.array(7)}, {"m.running_skew": normal(3)}),
    "a counter of no BatchNorm": (LayerNorm(3), {"m.weight": normal(3), "m.bias": normal(3)}, {
        "m.num_batches_tracked": np.array(7)
    }),
}  # fmt: skip


@pytest.mark.parametrize("what", WHOLE_MODULES)
def test_no_tensor_of_a_mapped_module_is_dropped(what: str) -> None:
    layer, tensors, more = WHOLE_MODULES[what]
    net = Network.of((3, 4 if "m.in_proj_bias" in tensors else 3), [layer], seed=1)
    others = linear("other", 9, 9)
    refused(net, ConfigError, rf"names\['m'\].*also {next(iter(more))};", tensors | more, {"m": "0"})
    net.load_torch_weights(pack_tensors(tensors | others), {"m": "0"})
    one_by_one = {name: f"0.{name.removeprefix('m.')}" for name in tensors if not name.endswith("tracked")}
    net.load_torch_weights(pack_tensors(tensors | more | others), one_by_one)


def test_the_whole_file_may_be_one_module() -> None:
    net = Network.of(4, [Dense(4, 3, bias=False)], seed=1)
    tensors = {"weight": normal(3, 4), "bias": normal(3)}
    refused(net, ConfigError, r"names\[''\].*also bias", tensors, {"": "0"})


def test_a_tied_weight_may_have_several_places() -> None:
    net, tensors = Network.of(3, [Embedding(5, 2), Dense(2, 5, bias=False)], seed=1), {"embed.weight": normal(5, 2)}
    net.load_torch_weights(pack_tensors(tensors), {"embed": "0", "embed.weight": "1.weight"})
    np.testing.assert_array_equal(net.parameters()["0.weight"], net.parameters()["1.weight"].T)
    refused(net, StateError, "'head.weight'", tensors, {"embed": "0", "head": "1"})


@pytest.mark.parametrize("names", [["fc1"], {"fc1": 0}, {0: "fc1"}, {"fc1": ["0"]}, "fc1"])
def test_a_map_is_a_dict_of_texts(names: Any) -> None:
    refused(two(), ConfigError, "names", linear("fc1", 4, 3), names)


def test_mistakes_in_a_map_are_named() -> None:
    net, tensors = two(), linear("fc1", 4, 3) | linear("fc2", 3, 2)
    refused(net, ConfigError, r"names\['fc1\.weight'\].*0\.weight.*'5\.weight'", tensors, {"fc1.weight": "5.weight"})
    refused(net, StateError, r"one of fc1\.\w+.*'fc9\.weight'", tensors, {"fc9.weight": "0.weight"})
    refused(net, StateError, r"'fc9\.", tensors, {"fc9": "0"})
    refused(net, ConfigError, r"layer 0 \(Dense\).*no bias", tensors, {"fc1.weight": "0.weight"})
    refused(net, ConfigError, "one tensor for each array", tensors, {"fc1": "0", "fc2.weight": "0.weight"})
    refused(
        net, ShapeError, r"'fc1\.weight' for layer 1 \(Dense\): expected 2×3 as PyTorch.*got 3×4", tensors, {"fc1": "1"}
    )


def test_a_norm_is_not_taken_for_another_layer_with_a_weight_and_a_bias() -> None:
    net = Network.of(3, [Dense(3, 3), LayerNorm(3), Activation("relu")])
    tensors = linear("fc", 3, 3) | {"norm.weight": normal(3), "norm.bias": normal(3)}
    net.load_torch_weights(pack_tensors(tensors))
    np.testing.assert_array_equal(net.parameters()["1.bias"], tensors["norm.bias"])


def test_values_that_are_no_finite_floats_are_refused() -> None:
    weight, bias = normal(3, 4), normal(3)
    net = Network.of(4, [Dense(4, 3)], seed=2)
    refused(net, DataError, r"'weight': expected F16.*got I32", {"weight": weight.astype(np.int32), "bias": bias})
    weight[1, 2] = np.nan
    refused(net, DataError, r"0\.weight: expected finite", {"weight": weight, "bias": bias})
    too_large = np.full((3, 4), 1e300)
    refused(net, DataError, r"0\.weight: expected finite", {"weight": too_large, "bias": bias})


def test_hostile_files_are_refused() -> None:
    data = pack_tensors({"weight": normal(3, 4), "bias": normal(3)})
    net = Network.of(4, [Dense(4, 3)])
    for broken in (data[:-1], data + b"\0", b"\xff" * 8, b""):
        with pytest.raises(FileFormatError):
            net.load_torch_weights(broken)
