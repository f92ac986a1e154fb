"""Layers leave padding out, or a mask is refused where one would compute with it or none uses it."""

from typing import Any

import numpy as np
import pytest

import loom_py as loom
from loom_py.executors.base import Executor
from loom_py.executors.numpy import NumpyExecutor
from tests.ops import machines
from tests.unit.layers.gradients import TOLERANCE, gradient_errors

MASK = np.arange(6) < np.full((2, 1), 4)
KINDS = {
    "Conv1D": loom.Conv1D(6, 2, 3),
    "MaxPool1D": loom.MaxPool1D(2),
    "AvgPool1D": loom.AvgPool1D(2),
    "BatchNorm": loom.BatchNorm(6),
    "GroupNorm": loom.GroupNorm(2, 6),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_that_computes_with_padding_is_named(kind: str) -> None:
    nested = loom.Sequential([loom.MultiHeadAttention(4, 2), KINDS[kind]])
    net = loom.Network.of((6, 4), [nested], seed=0)
    with pytest.raises(loom.DataError, match=rf"mask: expected .*, got {kind} at layer 0\..*; give"):
        net.forward(np.ones((2, 6, 4)), mask=MASK)


def test_a_mask_that_no_layer_uses_is_refused_everywhere() -> None:
    net = loom.Network.of((6, 4), [loom.Dense(4, 3)], seed=0)
    x, y = np.ones((2, 6, 4)), np.zeros((2, 6), int)
    before = net.parameters()
    held_out = loom.TrainingConfig(validation=loom.Batch(x, y, MASK))
    for call in (
        lambda: net.forward(x, mask=MASK),
        lambda: net.forward_cpu(x, mask=MASK),
        lambda: net.fit(x, y, mask=MASK),
        lambda: net.train([loom.Batch(x, y, MASK)]),
        lambda: net.evaluate(x, y, mask=MASK),
        lambda: net.fit(x, y, held_out),
    ):
        with pytest.raises(loom.DataError, match="expected a layer that uses it"):
            call()
    assert all(np.array_equal(value, before[name]) for name, value in net.parameters().items())


GAPS = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0]], float)
EXECUTORS: dict[str, Executor] = {"numpy": NumpyExecutor(), "wasm": machines.wasm()[1]}
if _gpu := machines.webgpu():
    EXECUTORS["webgpu"] = _gpu[1]
CELLS = (loom.RNN, loom.GRU, loom.LSTM)


def values(*shape: int) -> Any:
    return np.random.default_rng(3).standard_normal(shape)


def heeding(*layers: loom.Layer) -> loom.Network:
    return loom.Network.of((5, 3), [*layers], seed=0)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("sequences", [True, False])
def test_gradients_pass_over_padding(cell: Any, sequences: bool) -> None:
    errors = gradient_errors(cell(3, 4, return_sequences=sequences), values(3, 5, 3), mask=GAPS)
    assert max(errors.values()) <= TOLERANCE, errors


@pytest.mark.parametrize("cell", CELLS)
def test_a_padded_step_holds_the_state(cell: Any) -> None:
    net, x = heeding(cell(3, 4)), values(3, 5, 3)
    outputs = net.forward(x, mask=GAPS)
    for sample, shown, out in zip(x, GAPS > 0, outputs, strict=True):
        states = [np.zeros(4)]
        if shown.any():
            short = loom.Network.of((int(shown.sum()), 3), [cell(3, 4)], seed=0)
            short.set_parameters(net.parameters())
            states.extend(short.forward(sample[shown]))
        np.testing.assert_allclose(out, [states[n] for n in np.cumsum(shown)], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("cell", CELLS)
def test_a_carried_state_passes_over_padding(cell: Any) -> None:
    net, x = heeding(cell(3, 4, carry=3)), values(3, 5, 3)
    last = net.forward(x, mask=GAPS)[:, -1]
    np.testing.assert_array_equal(net.parameters()["0.state"], last)
    np.testing.assert_array_equal(net.forward(x, mask=np.zeros((3, 5)))[:, -1], last)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("cell", CELLS)
def test_padded_values_change_nothing_in_training(cell: Any, executor: str) -> None:
    x, labels = values(3, 5, 3), np.array([0, 1, 1])
    hidden = np.where(GAPS[..., None] > 0, x, 50)
    nets = [heeding(cell(3, 4, return_sequences=False), loom.Dense(4, 2)) for _ in range(3)]
    for net, inputs in zip(nets, (x, hidden, x), strict=True):
        net.use_executor(EXECUTORS[executor if net is not nets[2] else "numpy"])
        net.fit(inputs, labels, mask=GAPS, epochs=3)
    first, second, reference = (net.parameters() for net in nets)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
        np.testing.assert_allclose(value, reference[name], atol=1e-6)


def test_flatten_makes_padding_zero() -> None:
    net, x = heeding(loom.Flatten()), values(3, 5, 3)
    wanted = np.where(GAPS[..., None] > 0, x, 0).reshape(3, 15).astype(np.float32)
    np.testing.assert_array_equal(net.forward(x, mask=GAPS), wanted)
    assert max(gradient_errors(loom.Flatten(), x, mask=GAPS).values()) <= TOLERANCE


def test_layers_after_the_last_state_may_mix_it() -> None:
    last = loom.LSTM(3, 5, return_sequences=False)
    net = heeding(last, loom.BatchNorm(5), loom.Flatten(), loom.Dense(5, 2))
    assert net.forward(values(3, 5, 3), mask=GAPS).shape == (3, 2)
    flat = loom.Network.of((5,), [loom.Flatten(), loom.Dense(5, 2)], seed=0)
    with pytest.raises(loom.DataError, match="expected a layer that uses it"):
        flat.forward(values(3, 5), mask=GAPS)


def test_a_loss_of_every_entry_leaves_padding_out_or_is_refused() -> None:
    net, x, labels = heeding(loom.GRU(3, 4)), values(3, 5, 3), np.arange(15).reshape(3, 5) % 4
    loss = loom.CrossEntropy(ignore_label=-1)
    ignored = net.evaluate(x, np.where(GAPS > 0, labels, -1), loom.TrainingConfig(loss=loss), mask=GAPS)
    assert net.evaluate(x, labels, loom.TrainingConfig(loss=loss), mask=GAPS) == ignored
    for target, kind in ((labels, "cross_entropy"), (values(3, 5, 4), "mse")):
        with pytest.raises(loom.DataError, match=rf"expected a loss that .*, got {kind} of every entry; give integer"):
            net.fit(x, target, loss=kind, mask=GAPS)
