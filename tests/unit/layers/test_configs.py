"""Every layer is its config: it goes round as JSON, and what can't be is refused by name."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from loom_py import ConfigError, Network
from loom_py.layers import from_config
from tests.unit.layers.examples import Example, named_examples

CASES = [pytest.param(kind, example, id=name) for name, kind, example in named_examples()]
OF_SAMPLES = [c for c in CASES if len(c.values[1].shape) > 1]  # a network's samples have at least one axis


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_config_goes_round_as_json(kind: str, example: Example) -> None:
    layer = example.layer(kind)
    config = json.loads(json.dumps(layer.to_config(), allow_nan=False))
    again = from_config(config)
    assert again == layer
    assert hash(again) == hash(layer)
    assert again.to_config() == config
    assert again.parameters() == layer.parameters()


@pytest.mark.parametrize(("kind", "example"), OF_SAMPLES)
def test_a_network_from_its_config_gives_the_same_bits(kind: str, example: Example) -> None:
    x = example.input(np.random.default_rng(1), np.float32)
    net = Network.of(x.shape[1:], [example.layer(kind)], seed=9)
    again = Network.from_config(json.loads(json.dumps(net.to_config())))
    np.testing.assert_array_equal(again.forward(x), net.forward(x))


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_no_field_takes_what_it_is_not(kind: str, example: Example) -> None:
    layer = example.layer(kind)
    for field in dataclasses.fields(layer):  # type: ignore[arg-type]
        for wrong in (object(), -3.5, "no such thing"):
            with pytest.raises(ConfigError, match=rf"{kind}\.{field.name}.*: expected .+, got .+"):
                dataclasses.replace(layer, **{field.name: wrong})  # type: ignore[type-var]


@pytest.mark.parametrize("kind", sorted({kind for _, kind, _ in named_examples()}))
def test_a_key_too_many_is_named(kind: str) -> None:
    config = next(e for _, k, e in named_examples() if k == kind).config
    with pytest.raises(ConfigError, match=rf"{kind} config: expected .*got colour"):
        from_config({"type": kind, **config, "colour": "red"})
