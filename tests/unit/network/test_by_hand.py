"""The guide's loop by hand: forward_cpu, a loss gradient, backward_cpu, apply_gradients."""

import numpy as np
import pytest

from loom_py import (
    ConfigError,
    DataError,
    Dense,
    Dropout,
    Network,
    ShapeError,
    Softmax,
    StateError,
    UnavailableError,
    cross_entropy_loss_grad,
)
from loom_py.train.config import Batch, TrainingConfig

RNG = np.random.default_rng(7)
X = RNG.normal(size=(16, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 16)


def small() -> Network:
    return Network.of(6, [Dense(6, 8, "gelu"), Dense(8, 3), Softmax()], seed=0)


def test_the_loop_by_hand_is_the_training_step() -> None:
    by_hand, trained = small(), small()
    for _ in range(3):
        output, duration = by_hand.forward_cpu(X)
        assert duration > 0
        _, grad = cross_entropy_loss_grad(output, Y)
        by_hand.backward_cpu(grad)
        by_hand.apply_gradients(0.1)
    trained.train([Batch(X, Y)], TrainingConfig(epochs=3, learning_rate=0.1))
    for name, value in by_hand.parameters().items():
        np.testing.assert_allclose(value, trained.parameters()[name], rtol=2e-5, atol=1e-6)


def test_gradients_are_the_loss_s_slope() -> None:
    net = small()
    output, _ = net.forward_cpu(X)
    loss, grad = cross_entropy_loss_grad(output, Y)
    dx = net.backward_cpu(grad).input_gradient
    assert dx is not None and dx.shape == X.shape
    direction = {name: RNG.normal(size=g.shape).astype(np.float32) for name, g in net.gradients().items()}
    slope = sum(float((g * direction[name]).sum()) for name, g in net.gradients().items())
    before, step = net.parameters(), 1e-2
    values = []
    for sign in (1, -1):
        net.set_parameters({name: before[name] + sign * step * direction[name] for name in direction})
        values.append(cross_entropy_loss_grad(net.forward(X), Y).loss)
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(slope, rel=2e-2)
    assert loss == pytest.approx(sum(values) / 2, rel=0.05)


def test_single_samples_are_answered_without_batch_axis() -> None:
    net = small()
    one = net.forward_cpu(X[0])
    assert one.output.shape == (3,)
    np.testing.assert_allclose(one.output, net.forward(X)[0], rtol=1e-6)
    assert net.backward_cpu(np.ones(3)).input_gradient.shape == (6,)  # type: ignore[union-attr]


def test_backward_needs_a_forward_and_uses_it_up() -> None:
    net = small()
    with pytest.raises(StateError, match="call forward_cpu"):
        net.backward_cpu(np.ones((16, 3)))
    net.forward_cpu(X)
    with pytest.raises(ShapeError, match=r"expected \(16, 3\), got \(16, 4\)"):
        net.backward_cpu(np.ones((16, 4)))
    net.backward_cpu(np.ones((16, 3)))
    with pytest.raises(StateError):
        net.backward_cpu(np.ones((16, 3)))


def test_apply_gradients_refuses_and_changes_nothing() -> None:
    net = small()
    with pytest.raises(StateError, match="call forward_cpu and backward_cpu"):
        net.apply_gradients(0.1)
    net.forward_cpu(X)
    net.backward_cpu(np.full((16, 3), np.nan))
    before = net.parameters()
    with pytest.raises(DataError, match=r"NaN or infinity in 0\.weight"):
        net.apply_gradients(0.1)
    assert all((value == before[name]).all() for name, value in net.parameters().items())
    for rate in (-1, float("nan"), "fast"):
        with pytest.raises(ConfigError, match="learning_rate"):
            net.apply_gradients(rate)  # type: ignore[arg-type]


def test_set_optimizer_is_used_by_hand() -> None:
    plain, other = small(), small()
    other.set_optimizer("adam")
    for net in (plain, other):
        output, _ = net.forward_cpu(X)
        net.backward_cpu(cross_entropy_loss_grad(output, Y).grad)
        net.apply_gradients(0.01)
    assert (plain.parameters()["0.weight"] != other.parameters()["0.weight"]).any()
    with pytest.raises(ConfigError, match="'adm'"):
        other.set_optimizer("adm")  # type: ignore[arg-type]


def test_dropout_drops_in_training_only_and_repeats_by_seed() -> None:
    def net() -> Network:
        return Network.of(400, [Dropout(0.25)], seed=5)

    x = np.ones((8, 400), np.float32)
    quiet = net()
    np.testing.assert_array_equal(quiet.forward_cpu(x).output, x)
    dropped = net().forward_cpu(x, training=True).output
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.03)
    np.testing.assert_array_equal(dropped, net().forward_cpu(x, training=True).output)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.ones((2, 5)), ShapeError, "expected (B, 6) or (6), got (2, 5)"),
        (np.ones((0, 6)), ShapeError, "got (0, 6)"),
        (np.array([["a"] * 6]), DataError, "expected numbers"),
        (np.full((1, 6), np.nan), DataError, "6 NaN and 0 infinite"),
        (np.full((1, 6), 1e300), DataError, "6 infinite"),
    ],
)
def test_bad_input_is_told_and_changes_nothing(x: np.ndarray, error: type[Exception], words: str) -> None:
    net = small()
    for call in (net.forward, net.forward_cpu):
        with pytest.raises(error) as told, np.errstate(over="ignore"):
            call(x)
        assert words in str(told.value)


def test_set_parameters_checks_all_before_it_writes_any() -> None:
    net = small()
    before = net.parameters()
    good = np.zeros((6, 8))
    for bad, error in [
        ({"0.weight": good, "9.weight": good}, StateError),
        ({"0.weight": good, "1.weight": good}, ShapeError),
        ({"0.weight": good, "1.bias": [1, 2, np.inf]}, DataError),
    ]:
        with pytest.raises(error):
            net.set_parameters(bad)
        assert (net.parameters()["0.weight"] == before["0.weight"]).all()


def test_without_a_gpu_it_says_so(no_gpu: None) -> None:
    net = small()
    assert not net.has_method("ForwardGPU")
    assert net.has_method("ForwardCPU")
    with pytest.raises(UnavailableError):
        net.forward_gpu(X)
    assert net.to("auto").device in ("numpy", "wasm")
    with pytest.raises(UnavailableError):
        net.to("webgpu")
    with pytest.raises(ConfigError, match="'tpu'"):
        net.to("tpu")  # type: ignore[arg-type]
