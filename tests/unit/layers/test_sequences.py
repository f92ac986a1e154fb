"""Recurrent layers carry states, attention heeds masks and time, embeddings know their ids; bad input is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loom_py import (
    GRU,
    LSTM,
    RNN,
    Batch,
    ConfigError,
    CrossEntropy,
    DataError,
    Dense,
    Embedding,
    Identity,
    Layer,
    MultiHeadAttention,
    Network,
    PositionalEmbedding,
    Residual,
    Sequential,
    ShapeError,
    Softmax,
    SwiGLU,
    TrainingConfig,
)
from loom_py.layers import from_config

RNG = np.random.default_rng(5)
CELLS = (RNN, LSTM, GRU)


def seq(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


# states ------------------------------------------------------------------------------------------------------------


def carrying(cell: Any, length: int, carry: int) -> Network:
    return Network.of((length, 3), [cell(3, 4, carry=carry)], seed=1)


@pytest.mark.parametrize("cell", CELLS)
def test_a_carried_state_makes_pieces_a_whole(cell: Any) -> None:
    whole, pieces = carrying(cell, 6, 0), carrying(cell, 2, 5)
    x = seq(3, 6, 3)
    wanted = whole.forward(x)
    pieces.set_parameters(whole.parameters())
    for _ in range(2):
        got = np.concatenate([pieces.forward(x[:, i : i + 2]) for i in (0, 2, 4)], axis=1)
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
        pieces.reset_states()
    assert not pieces.parameters()["0.state"].any()


@pytest.mark.parametrize("cell", CELLS)
def test_states_of_rows_that_do_not_run_stay(cell: Any) -> None:
    net = carrying(cell, 2, 3)
    net.forward(seq(3, 2, 3))
    before = net.parameters()["0.state"]
    net.forward(seq(1, 2, 3))
    after = net.parameters()["0.state"]
    assert (after[1:] == before[1:]).all() and (after[0] != before[0]).all()


@pytest.mark.parametrize("cell", CELLS)
def test_a_larger_batch_than_is_carried_is_refused(cell: Any) -> None:
    net = carrying(cell, 2, 3)
    with pytest.raises(ShapeError, match=r"at most 3 \(carry\), got 4"):
        net.forward(seq(4, 2, 3))


def test_looking_at_a_network_does_not_move_its_states() -> None:
    net = carrying(LSTM, 2, 3)
    x, y = seq(6, 2, 3), seq(6, 2, 4)
    config = TrainingConfig(loss="mse", batch_size=3, learning_rate=0.1)
    net.train([Batch(x[:3], y[:3])], config)
    before = net.parameters()
    net.get_telemetry()
    scores = [net.evaluate(x, y, config) for _ in range(2)]
    assert scores[0] == scores[1]
    assert all((net.parameters()[name] == value).all() for name, value in before.items())


def test_carried_gradients_stop_at_the_border_of_a_run() -> None:
    """Truncated backpropagation through time: a second piece's gradients are those of a run from that state."""
    net = carrying(LSTM, 3, 2)
    x, dy = seq(2, 6, 3), seq(2, 3, 4)
    net.forward(x[:, :3])
    states = {name: value for name, value in net.parameters().items() if name in ("0.state", "0.cell")}
    net.forward_cpu(x[:, 3:])
    net.backward_cpu(dy)
    carried = net.gradients()
    net.set_parameters(states)
    net.forward_cpu(x[:, 3:])
    net.backward_cpu(dy)
    assert all((net.gradients()[name] == value).all() for name, value in carried.items())


def test_a_refused_step_leaves_carried_states_alone() -> None:
    net = Network.of((2, 3), [LSTM(3, 4, carry=2), Dense(4, 1)], seed=1)
    x = seq(2, 2, 3)
    net.forward(x)
    net.set_parameters({"1.weight": np.full((4, 1), 3e38)})
    before = net.parameters()
    result = net.train([Batch(x, seq(2, 2, 1))], TrainingConfig(loss="mse", epochs=2))
    assert result.stopped_because == "anomaly"
    after = net.parameters()
    assert not after["0.state"].any(), "an epoch begins with fresh states, and the refused step did not move them"
    assert all((after[name] == value).all() for name, value in before.items() if not name.startswith(("0.s", "0.c")))


def test_long_sequences_are_refused_before_they_are_recorded() -> None:
    with pytest.raises(ShapeError, match="T at most 1024"):
        Network.of((100_000_000, 3), [LSTM(3, 4)])


# masks -------------------------------------------------------------------------------------------------------------


def attending(**options: Any) -> Network:
    return Network.of((5, 8), [MultiHeadAttention(8, 2, **options)], seed=2)


def test_padding_is_seen_by_none() -> None:
    net, x = attending(), seq(3, 5, 8)
    mask = np.arange(5) < np.array([[5], [3], [1]])
    changed = np.where(mask[..., None], x, 100).astype(np.float32)
    np.testing.assert_array_equal(net.forward(x, mask=mask)[mask], net.forward(changed, mask=mask)[mask])
    assert (net.forward(x)[1, :3] != net.forward(x, mask=mask)[1, :3]).all()


def test_a_mask_of_ones_is_no_mask_and_single_samples_have_theirs() -> None:
    net, x = attending(causal=True, rotary=True), seq(2, 5, 8)
    np.testing.assert_allclose(net.forward(x, mask=np.ones((2, 5))), net.forward(x), rtol=1e-6)
    mask = np.array([1, 1, 0, 1, 0])
    single = net.forward(x[0], mask=mask)
    assert single.shape == (5, 8)
    np.testing.assert_allclose(net.forward(x, mask=[mask, mask])[0], single, rtol=1e-5)


def test_a_row_with_nothing_to_see_is_zero_not_nan() -> None:
    net = attending(causal=True, bias=False)
    out = net.forward(seq(1, 5, 8), mask=[[0, 0, 1, 1, 1]])
    assert not out[0, :2].any() and np.isfinite(out).all() and out[0, 2:].all()


def test_causal_attention_does_not_see_ahead() -> None:
    net, x = attending(causal=True), seq(1, 5, 8)
    changed = x.copy()
    changed[0, 3:] = 9
    np.testing.assert_array_equal(net.forward(x)[0, :3], net.forward(changed)[0, :3])


def test_masks_are_heeded_in_training_and_validation() -> None:
    net = Network.of((5, 8), [MultiHeadAttention(8, 2), Dense(8, 3)], seed=2)
    x, y, mask = seq(6, 5, 8), RNG.integers(0, 3, (6, 5)), RNG.random((6, 5)) < 0.7
    changed = np.where(mask[..., None], x, -50).astype(np.float32)
    losses = []
    labels = np.where(mask, y, -1)
    for inputs in (x, changed):
        twin = Network.from_config(net.to_config())
        twin.set_parameters(net.parameters())
        config = TrainingConfig(
            loss=CrossEntropy(ignore_label=-1), batch_size=3, epochs=2, validation=Batch(inputs, labels, mask)
        )
        result = twin.fit(inputs, labels, config, mask=mask)
        losses.append(
            (result.loss_history, result.validation_history, twin.evaluate(inputs, labels, config, mask=mask))
        )
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("mask", "error", "text"),
    [
        (np.ones((2, 4)), ShapeError, r"expected \(2, 5\), got \(2, 4\)"),
        (np.full((2, 5), 0.5), DataError, "1 and 0"),
        (np.full((2, 5), np.nan), DataError, "1 and 0"),
        (np.full((2, 5), "x"), DataError, "expected numbers"),
    ],
)
def test_bad_masks_are_refused(mask: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        attending().forward(seq(2, 5, 8), mask=mask)


def test_a_mask_that_does_not_fit_where_it_is_used_names_the_layer() -> None:
    net = Network.of((5, 6), [Softmax(variant="masked")])
    with pytest.raises(ShapeError, match=r"masked Softmax: expected \(2, 6\), got \(2, 5\)"):
        net.forward(seq(2, 5, 6), mask=np.ones((2, 5)))


# rotary ------------------------------------------------------------------------------------------------------------


def test_rotary_attention_depends_on_distance_alone() -> None:
    """Two equal tokens see each other alike wherever they stand: scores depend on t - s."""
    net = attending(rotary=True, bias=False)
    pair, filler = seq(2, 8), np.zeros(8, np.float32)
    early = np.stack([pair[0], pair[1], filler, filler, filler])
    late = np.stack([filler, filler, filler, pair[0], pair[1]])
    first = net.forward(early, mask=[1, 1, 0, 0, 0])[:2]
    np.testing.assert_allclose(net.forward(late, mask=[0, 0, 0, 1, 1])[3:], first, rtol=1e-4, atol=1e-6)
    plain = attending(bias=False)
    assert np.abs(net.forward(early) - plain.forward(early)).max() > 1e-3


# ids ---------------------------------------------------------------------------------------------------------------


def test_ids_pass_layers_that_pass_everything_on() -> None:
    net = Network.of(3, [Identity(), Sequential([Identity(), Embedding(7, 4)]), Dense(4, 7)], seed=3)
    ids = RNG.integers(0, 7, (5, 3))
    result = net.fit(ids, ids, TrainingConfig(epochs=30, learning_rate=1.0))
    assert result.loss_history[-1] < 0.3 * result.loss_history[0]
    assert net.forward_cpu(ids).output.shape == (5, 3, 7)
    assert net.backward_cpu(np.ones((5, 3, 7))).input_gradient is None


@pytest.mark.parametrize(
    ("ids", "text"),
    [([[0, 1, 7]], "ids from 0 to 6"), ([[-1, 0, 0]], "ids from 0 to 6"), ([[0.5, 1, 2]], "whole numbers")],
)
def test_bad_ids_are_refused(ids: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        Network.of(3, [Embedding(7, 4)]).forward(ids)


# refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: RNN(0, 4), "at least 1"),
        (lambda: LSTM(3, 2.5), "whole number"),  # type: ignore[arg-type]
        (lambda: GRU(3, 4, carry=-1), "at least 0"),
        (lambda: RNN(3, 4, activation="relU"), "'relu'"),  # type: ignore[arg-type]
        (lambda: Embedding(0, 4), "at least 1"),
        (lambda: PositionalEmbedding(4, 0), "at least 1"),
        (lambda: SwiGLU(4, 0), "at least 1"),
        (lambda: MultiHeadAttention(10, 3), r"a divisor of dim \(10\)"),
        (lambda: MultiHeadAttention(12, 6, kv_heads=4), r"a divisor of heads \(6\)"),
        (lambda: MultiHeadAttention(9, 3, rotary=True), "even width"),
        (lambda: Softmax(variant="hard"), "'sparsemax'"),  # type: ignore[arg-type]
        (lambda: Softmax(temperature=0), "at least 1e-30"),
    ],
)
def test_bad_options_are_refused(make: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        make()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (RNN(3, 4), (3,)),
        (LSTM(3, 4), (5, 4)),
        (GRU(3, 4), (2, 5, 3)),
        (MultiHeadAttention(8, 2), (5, 7)),
        (MultiHeadAttention(8, 2), (8,)),
        (PositionalEmbedding(4, 3), (5, 3)),
        (PositionalEmbedding(4, 3), (4, 2)),
        (SwiGLU(4, 8), (5,)),
    ],
)
def test_bad_shapes_are_refused(layer: Layer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=rf"layer 0: {type(layer).__name__} input: expected"):
        Network.of(shape, [layer])


def test_configs_come_back_equal() -> None:
    layers = [
        RNN(3, 4, activation="relu", carry=2),
        LSTM(3, 4, return_sequences=False),
        MultiHeadAttention(12, 6, kv_heads=2, rotary=True),
        Residual([SwiGLU(4, 5, bias=True), Sequential([Softmax(variant="entmax15")])]),
    ]
    assert [from_config(layer.to_config()) for layer in layers] == layers
