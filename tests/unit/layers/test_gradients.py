"""Every registered layer's backward pass is the derivative of its forward pass, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from loom_py import ops
from loom_py.layers import REGISTRY, Layer, layer
from tests.unit.layers.examples import EXAMPLES, Example, named_examples
from tests.unit.layers.gradients import TOLERANCE, gradient_errors

CASES = [pytest.param(kind, example, id=name) for name, kind, example in named_examples()]


def test_every_registered_layer_has_examples_and_every_example_a_layer() -> None:
    assert {kind for kind, examples in EXAMPLES.items() if examples} == set(REGISTRY)


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_backward_is_the_derivative_of_forward(kind: str, example: Example) -> None:
    x = example.input(np.random.default_rng(11))
    errors = gradient_errors(example.layer(kind), x, training=example.training)
    wrong = {name: f"{error:.1e}" for name, error in errors.items() if not error <= TOLERANCE}
    assert not wrong, f"{kind}: expected relative errors of at most {TOLERANCE:g}, got {wrong}"


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_every_trained_parameter_gets_a_gradient(kind: str, example: Example) -> None:
    x = example.input(np.random.default_rng(11))
    layer = example.layer(kind)
    own = {f"0.{p.name}" for p in layer.parameters() if p.trained}
    assert own <= set(gradient_errors(layer, x, training=example.training))


class WrongCache(NamedTuple):
    x: Any


@pytest.fixture
def wrong_layer() -> Iterator[type[Layer]]:
    @layer
    class Wrong(Layer):
        """y = x·x with a derivative that forgets the factor 2."""

        def forward(self, p: Any, x: Any, run: Any) -> tuple[Any, Any]:
            return ops.multiply(x, x), WrongCache(x)

        def backward(self, p: Any, cache: Any, dy: Any, run: Any) -> tuple[Any, Any]:
            return ops.multiply(dy, cache.x), {}

    yield Wrong
    del REGISTRY["Wrong"]


def test_the_check_finds_a_wrong_derivative(wrong_layer: type[Layer]) -> None:
    errors = gradient_errors(wrong_layer(), np.random.default_rng(0).standard_normal((3, 5)))
    assert errors["input"] > 0.1
