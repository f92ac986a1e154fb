"""Both ways to build a network, its configuration, and what a wrong one is told."""

from typing import Any

import numpy as np
import pytest

from loom_py import ConfigError, Dense, Dropout, Flatten, Identity, LayerNorm, Network, ShapeError, Softmax


def small(seed: int = 0) -> Network:
    return Network.of(6, [Dense(6, 5, "tanh"), LayerNorm(5), Dropout(0.2), Dense(5, 3), Softmax()], seed=seed)


def test_grid_runs_in_reading_order_and_empty_slots_pass_on() -> None:
    grid = Network(6, 2, 2, 2, seed=1)
    grid.set_layer(0, 1, 0, Dense(6, 4, "relu"))
    grid.set_layer(1, 0, 1, Dense(4, 2))
    flat = Network.of(6, [Identity(), Identity(), Dense(6, 4, "relu"), Dense(4, 2)], seed=1)
    flat.set_parameters({"2.weight": grid.parameters()["2.weight"], "3.weight": grid.parameters()["5.weight"]})
    x = np.random.default_rng(0).normal(size=(3, 6))
    np.testing.assert_array_equal(grid.forward(x), flat.forward(x))
    assert [layer.type for layer in grid.get_blueprint().layers].count("Identity") == 6


def test_config_round_trip_builds_the_same_network() -> None:
    net = small()
    again = Network.from_config(net.to_config())
    assert again.to_config() == net.to_config()
    x = np.ones((2, 6))
    np.testing.assert_array_equal(again.forward(x), net.forward(x))


def test_config_of_the_specification() -> None:
    config = {"input_shape": [64], "layers": [{"type": "Dense", "inputs": 64, "outputs": 32, "activation": "relu"}]}
    assert Network.from_config(config).get_blueprint().total_params == 64 * 32 + 32


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ([], "expected a dict"),
        ("Dense", "expected a dict"),
        ({"layers": []}, "no ['input_shape']"),
        ({"input_shape": [4], "layers": []}, "at least one layer"),
        ({"input_shape": [4], "layers": {}}, "expected a list"),
        ({"input_shape": [4], "layers": [{"type": "Dens", "inputs": 4, "outputs": 2}]}, "got 'Dens'"),
        ({"input_shape": [4], "layers": [["Dense"]]}, "layers[0]"),
        ({"input_shape": [4], "layers": [{"type": "Dense", "inputs": 4}]}, "outputs"),
        ({"input_shape": [4], "layers": [{"type": "Dense", "inputs": 4, "outputs": 2, "units": 3}]}, "got units"),
        ({"input_shape": [4], "layers": [{"type": "Dense", "inputs": 4, "outputs": 2, "activation": "rel"}]}, "'relu'"),
        ({"input_shape": [4], "layers": [{"type": "Dense", "inputs": 4, "outputs": 2.5}]}, "whole number"),
        ({"input_shape": [4], "layers": [{"type": "Dropout", "rate": 1.0}]}, "below 1"),
        ({"input_shape": [0], "layers": [{"type": "Flatten"}]}, "positive"),
        ({"input_shape": [4], "seed": -1, "layers": [{"type": "Flatten"}]}, "from 0"),
        ({"input_shape": [4], "extra": 1, "layers": [{"type": "Flatten"}]}, "unknown ['extra']"),
        ({"input_shape": [4], "grid": {"rows": 1}, "layers": [{"type": "Flatten"}]}, "layers_per_cell"),
        (
            {"input_shape": [4], "grid": {"rows": 1, "cols": 1, "layers_per_cell": 2}, "layers": [{"type": "Flatten"}]},
            "one for each slot",
        ),
    ],
)
def test_a_wrong_config_is_told_what_is_wrong(config: Any, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        Network.from_config(config)
    assert words in str(told.value)


def test_layers_that_do_not_fit_name_their_place() -> None:
    with pytest.raises(ShapeError, match=r"layer 1: Dense input: expected a last axis of 9 \(inputs\), got 5"):
        Network.of(6, [Dense(6, 5), Dense(9, 2)])


def test_a_refused_layer_changes_nothing() -> None:
    net = small()
    before = net.to_config()
    for row, col, slot, what in [(0, 0, 9, Dense(3, 3)), (-1, 0, 0, Dense(3, 3)), (0, 0, 0, "Dense")]:
        with pytest.raises(ConfigError):
            net.set_layer(row, col, slot, what)  # type: ignore[arg-type]
    assert net.to_config() == before


def test_set_layer_keeps_what_the_others_learnt() -> None:
    net = small()
    net.set_parameters({"0.weight": np.full((6, 5), 0.5)})
    net.set_layer(0, 0, 3, Dense(5, 7))
    assert net.forward(np.ones(6)).shape == (7,)
    assert (net.parameters()["0.weight"] == 0.5).all()


def test_same_seed_same_parameters_and_each_layer_its_own_stream() -> None:
    a, b, c = small(3).parameters(), small(3).parameters(), small(4).parameters()
    assert all((a[name] == b[name]).all() for name in a)
    assert (a["0.weight"] != c["0.weight"]).any()
    longer = Network.of(6, [Dense(6, 5, "tanh"), Dense(5, 5), Dense(5, 5)], seed=3).parameters()
    assert (longer["0.weight"] == a["0.weight"]).all()
    assert (longer["1.weight"] != longer["2.weight"]).any()


def test_a_seed_is_drawn_and_kept_when_none_is_given() -> None:
    net = Network.of(4, [Dense(4, 2)])
    same = Network.from_config(net.to_config())
    np.testing.assert_array_equal(net.parameters()["0.weight"], same.parameters()["0.weight"])


def test_blueprint_counts_what_is_there() -> None:
    b = Network.of(1024, [Dense(1024, 512), Dense(512, 256)]).get_blueprint()
    assert [layer.num_params for layer in b.layers] == [524_800, 131_328]
    assert b.total_params == 656_128
    assert b.layers[0].flops == 2 * 1024 * 512 + 512
    assert b.layers[0].bytes == 4 * 524_800
    assert (b.input_shape, b.output_shape) == ((1024,), (256,))


def test_blueprint_is_drawn_as_the_guide_does() -> None:
    net = Network(8, 1, 2, 2, seed=0)
    net.set_layer(0, 0, 0, Dense(8, 4, "relu"))
    net.set_layer(0, 1, 1, Dense(4, 2))
    lines = str(net.get_blueprint()).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "NETWORK" in lines[1]
    text = "\n".join(lines)
    for words in ("Grid: 1 row × 2 columns", "Total: 4 layers, 46 parameters", "Dense 8→4 relu", "Identity"):
        assert words in text


def test_flatten_and_shapes_of_images() -> None:
    net = Network.of((1, 8, 8), [Flatten(), Dense(64, 3)], seed=0)
    assert net.forward(np.zeros((5, 1, 8, 8))).shape == (5, 3)
    assert net.forward(np.zeros((1, 8, 8))).shape == (3,)
