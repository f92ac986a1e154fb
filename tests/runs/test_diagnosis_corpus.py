"""Real training runs on handwritten digits: healthy ones have nothing to report, planted faults are found in place."""

import numpy as np
import pytest

from loom_py import RecordingObserver
from loom_py.diagnose import DiagnosticObserver, diagnose
from loom_py.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    MaxPool2D,
    MultiHeadAttention,
    Residual,
    RMSNorm,
    Softmax,
    SwiGLU,
)
from loom_py.model import Network
from loom_py.train.config import TrainingConfig

pytestmark = pytest.mark.cpython  # scikit-learn brings the data
datasets = pytest.importorskip("sklearn.datasets")

ADAM = {"optimizer": "adam", "learning_rate": 3e-3}


def digits(shape=(64,), scale=1 / 16, dtype=np.float32):
    images, labels = datasets.load_digits(return_X_y=True)
    return (images * scale).astype(dtype).reshape(-1, *shape), labels.astype(np.int64)


def diabetes(scaled):
    x, y = datasets.load_diabetes(return_X_y=True)
    targets = (y - y.mean()) / y.std() if scaled else y
    return (x * 21).astype(np.float32), targets.astype(np.float32)[:, None]


def iris():
    x, y = datasets.load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return x[order].astype(np.float32), y[order].astype(np.int64)


def mlp(activation, *widths, norm=False):
    layers, inputs = [], 64
    for width in widths:
        layers += [Dense(inputs, width, activation), *([LayerNorm(width)] if norm else [])]
        inputs = width
    return [*layers, Dense(inputs, 10)]


def block(dim, norm, mix):
    return [Residual([norm(dim), mix]), Residual([norm(dim), Dense(dim, 2 * dim, "gelu"), Dense(2 * dim, dim)])]


def train(layers, data=None, shape=(64,), *, spoil=None, seed=0, split=1400, **options):
    """Train and diagnose, live and afterwards, which must agree."""
    x, y = digits(shape) if data is None else data
    net = Network.of(shape, layers, seed=seed)
    if spoil:
        parameters = net.parameters()
        spoil(parameters)
        net.set_parameters(parameters)
    recording, live = RecordingObserver(), DiagnosticObserver()
    for observer in (recording, live):
        net.add_observer(observer)
    config = {"epochs": 2, "learning_rate": 0.1, "batch_size": 32, "validation": (x[split:], y[split:])} | options
    with np.errstate(all="ignore"):
        net.fit(x[:split], y[:split], TrainingConfig(**config))
    found = diagnose(recording)
    of_steps = [finding for finding in live.get_findings() if finding.step is not None]  # no recording has the data
    assert [str(finding) for finding in found] == [str(finding) for finding in of_steps]
    saved = diagnose(RecordingObserver.from_text(recording.to_text()))
    assert [(f.rule, f.layer, f.step) for f in saved] == [(f.rule, f.layer, f.step) for f in found]
    return found


HEALTHY = {
    "mlp seed 0": (mlp("relu", 64, 32), {"epochs": 6}),
    "mlp seed 1": (mlp("relu", 64, 32), {"epochs": 6, "seed": 1}),
    "mlp seed 2": (mlp("relu", 64, 32), {"epochs": 6, "seed": 2}),
    "mlp long, adam": (mlp("relu", 64, 32), {"epochs": 20, **ADAM}),
    "mlp short": (mlp("relu", 32), {"epochs": 1}),
    "one layer": ([Dense(64, 10)], {"epochs": 10}),
    "tanh": (mlp("tanh", 64, 32, 32), {"epochs": 6}),
    "sigmoid": (mlp("sigmoid", 64, 64), {"epochs": 10, **ADAM}),
    "gelu, adamw": (mlp("gelu", 64, 64), {"epochs": 8, "optimizer": "adamw", "learning_rate": 3e-3}),
    "deep with norm": (mlp("relu", *[64] * 6, norm=True), {"epochs": 3, "learning_rate": 0.05}),
    "deep without norm": (mlp("relu", *[64] * 6), {"epochs": 3, "learning_rate": 0.05}),
    "softmax": ([*mlp("relu", 32), Softmax()], {"epochs": 4}),
    "dropout": ([Dense(64, 128, "relu"), Dropout(0.5), Dense(128, 10)], {"epochs": 6, **ADAM}),
    "batch of one": (mlp("relu", 16), {"epochs": 1, "batch_size": 1, "learning_rate": 0.01, "split": 500}),
    "unscaled inputs": (mlp("relu", 64, 32), {"epochs": 4, "learning_rate": 0.01, "data": digits(scale=1)}),
    "last layer from zero": (mlp("relu", 64), {"epochs": 4, "spoil": lambda p: p["1.weight"].fill(0)}),
    "cnn": (
        [Conv2D(1, 8, 3, padding=1, activation="relu"), MaxPool2D(2), Flatten(), Dense(128, 10)],
        {"shape": (1, 8, 8)},
    ),
    "cnn with batch norm": (
        [Conv2D(1, 8, 3, padding=1), BatchNorm(8), Activation("relu"), MaxPool2D(2), Flatten(), Dense(128, 10)],
        {"shape": (1, 8, 8)},
    ),
    "lstm": ([LSTM(8, 32, return_sequences=False), Dense(32, 10)], {"shape": (8, 8), **ADAM}),
    "gru": ([GRU(8, 32, return_sequences=False), Dense(32, 10)], {"shape": (8, 8), **ADAM}),
    "rnn": ([RNN(8, 32, return_sequences=False), Dense(32, 10)], {"shape": (8, 8), **ADAM}),
    "transformer": (
        [Dense(8, 32), *block(32, LayerNorm, MultiHeadAttention(32, 4)), Flatten(), Dense(256, 10)],
        {"shape": (8, 8), "optimizer": "adamw", "learning_rate": 1e-3},
    ),
    "transformer, modern": (
        [Dense(8, 32), Residual([RMSNorm(32), SwiGLU(32, 64)]), Flatten(), Dense(256, 10)],
        {"shape": (8, 8), "optimizer": "adamw", "learning_rate": 1e-3},
    ),
    "residual without norm": (
        [Dense(64, 32), *(Residual([Dense(32, 32, "relu"), Dense(32, 32)]) for _ in range(3)), Dense(32, 10)],
        {"learning_rate": 0.02},
    ),
    "regression": (
        [Dense(10, 32, "relu"), Dense(32, 1)],
        {
            "data": diabetes(scaled=True),
            "shape": (10,),
            "split": 350,
            "loss": "mse",
            "learning_rate": 0.02,
            "epochs": 20,
        },
    ),
    "regression on raw targets": (
        [Dense(10, 32, "relu"), Dense(32, 1)],
        {"data": diabetes(scaled=False), "shape": (10,), "split": 350, "loss": "mse", "epochs": 40, **ADAM},
    ),
    "few samples, jumpy validation": (
        [Dense(4, 16, "tanh"), Dense(16, 16, "tanh"), Dense(16, 3)],
        {"data": iris(), "shape": (4,), "split": 110, "batch_size": 16, "learning_rate": 0.05, "epochs": 200},
    ),
    "three sigmoid layers, adam": (mlp("sigmoid", *[64] * 3), {"epochs": 8, **ADAM}),
    "embedding": ([Embedding(17, 8), Flatten(), Dense(512, 10)], {"data": digits(scale=1, dtype=np.int64), **ADAM}),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_has_no_finding_above_info(name):
    layers, options = HEALTHY[name]
    assert [str(finding) for finding in train(layers, **options) if finding.severity != "info"] == []


def scaled(**factors):
    def spoil(parameters):
        for name, factor in factors.items():
            parameters[name.replace("__", ".")] *= np.float32(factor)

    return spoil


def filled(name, value):
    return lambda parameters: parameters[name].fill(value)


def zeroed(*paths):
    return lambda parameters: [parameters[f"{path}.weight"].fill(0) for path in paths]


def shuffled():
    x, y = digits()
    return x, np.random.default_rng(0).permutation(y)


def with_huge_sample(number):
    x, y = digits()
    x[number] = 3e38
    return x, y


def few():
    x, y = digits()
    return x + np.random.default_rng(0).standard_normal(x.shape).astype(np.float32) * 0.5, y


def long_sequence():
    return digits((64, 1))


# name: layers, options, what must be found as (rule, layer, earliest and latest step)
FAULTS = {
    "deep sigmoid": (mlp("sigmoid", *[64] * 10), {}, ("vanishing", "0", 2, 2)),
    "four sigmoid layers": (mlp("sigmoid", *[64] * 4), {"epochs": 4}, ("vanishing", "0", 168, 171)),
    "six sigmoid layers": (mlp("sigmoid", *[64] * 6), {"epochs": 4}, ("vanishing", "0", 90, 171)),
    "too high a rate": (mlp("relu", 64, 32), {"learning_rate": 5.0}, ("update_ratio", "2", 0, 2)),
    "far too high a rate": (mlp("relu", 64, 32), {"learning_rate": 50.0}, ("exploding", "2", 1, 6)),
    "too high a rate, adam": (
        mlp("relu", 64, 32),
        {"learning_rate": 1.0, "optimizer": "adam"},
        ("update_ratio", "1", 0, 1),
    ),
    "too low a rate": (mlp("relu", 64, 32), {"learning_rate": 1e-6}, ("loss_not_decreasing", None, 88, 88)),
    "overflow in a layer": (
        mlp("relu", 64, 32),
        {"spoil": scaled(**{"0__weight": 1e20, "1__weight": 1e19})},
        ("nan_origin", "1", 0, 0),
    ),
    "overflow in the data": (
        mlp("relu", 64, 32),
        {"data": with_huge_sample(700), "shuffle": False},
        ("nan_origin", "0", 21, 21),
    ),
    "dead by bias": (mlp("relu", 64, 32), {"spoil": filled("1.bias", -20)}, ("dead_relu", "1", 2, 2)),
    "saturated by weights": (
        mlp("tanh", 64, 64, 64),
        {"spoil": scaled(**{"1__weight": 30})},
        ("saturation", "1", 2, 2),
    ),
    "saturated by inputs": (
        mlp("tanh", 64, 64),
        {"data": digits(scale=60)},
        ("saturation", "0", 2, 2),
    ),
    "zero initialisation": (mlp("relu", 64, 32), {"spoil": zeroed(0, 1, 2)}, ("poor_initialisation", "0", 0, 0)),
    "one layer of zeros": (mlp("relu", 64, 32), {"spoil": zeroed(1)}, ("poor_initialisation", "1", 0, 0)),
    "weights too large": (
        mlp("relu", 64, 64),
        {"spoil": scaled(**{"1__weight": 10})},
        ("poor_initialisation", "1", 0, 0),
    ),
    "weights too small": (
        mlp("relu", *[64] * 4),
        {"spoil": scaled(**{f"{i}__weight": 0.05 for i in range(5)})},
        ("poor_initialisation", "3", 0, 0),
    ),
    "a frozen layer": (mlp("relu", 64, 32), {"spoil": filled("1.bias", -20)}, ("update_ratio", "1", 4, 4)),
    "shuffled labels": (mlp("relu", 64, 32), {"data": shuffled(), "epochs": 4}, ("loss_not_decreasing", None, 88, 176)),
    "learnt by heart": (
        mlp("relu", 128, 128),
        {"data": few(), "split": 60, "epochs": 40, **ADAM},
        ("overfitting", None, 10, 60),
    ),
    "exploding recurrence": (
        [RNN(1, 32, return_sequences=False), Dense(32, 10)],
        {"data": long_sequence(), "shape": (64, 1), "spoil": scaled(**{"0__weight_hh": 2}), "split": 320},
        ("exploding", "0", 0, 2),
    ),
    "division by nearly 0 in a norm": (
        [Dense(64, 32), RMSNorm(32, eps=1e-30), Dense(32, 10)],
        {"spoil": scaled(**{"0__weight": 1e-15})},
        ("exploding", "0", 0, 1),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_with_its_rule_layer_and_step(name):
    layers, options, (rule, layer, earliest, latest) = FAULTS[name]
    found = train(layers, **options)
    hits = [f for f in found if (f.rule, f.layer) == (rule, layer)]
    assert hits, [str(finding) for finding in found]
    assert earliest <= hits[0].step <= latest
    assert hits[0].severity in ("warning", "error")
    assert hits[0].suggestions


@pytest.mark.parametrize("depth", [4, 5, 6, 7, 8, 10])
def test_a_loss_that_stands_still_is_explained_by_vanishing_gradients(depth):
    found = train(mlp("sigmoid", *[64] * depth), epochs=4)
    assert [(f.rule, f.cause) for f in found if f.rule in ("vanishing", "loss_not_decreasing")] == [
        ("vanishing", None),
        ("loss_not_decreasing", "vanishing in layer 0"),
    ]


def test_a_nan_of_the_users_own_loss_is_traced_to_the_loss():
    net = Network.of(64, mlp("relu", 32), seed=0)
    recording = RecordingObserver()
    net.set_observer(recording)
    x, _ = digits()
    for step in range(3):
        output = net.forward_cpu(x[:16]).output
        gradient = np.ones_like(output) / output.size
        if step == 2:
            with np.errstate(all="ignore"):
                gradient[3] = np.log(np.float32(0)) * 0
        net.backward_cpu(gradient)
        if step < 2:
            net.apply_gradients(0.01)
    (finding,) = [f for f in diagnose(recording) if f.rule == "nan_origin"]
    assert (finding.layer, finding.step) == ("1", 2)
    assert (finding.evidence["phase"], finding.evidence["input_from"]) == ("backward", "the loss")


def test_a_network_is_diagnosed_as_it_is_now():
    net = Network.of(64, mlp("tanh", 64, 64), seed=0)
    assert diagnose(net) == []
    x, _ = digits()
    parameters = net.parameters()
    parameters["0.weight"] *= 1000
    net.set_parameters(parameters)
    net.forward(x[:32])
    assert ("saturation", "0") in [(finding.rule, finding.layer) for finding in diagnose(net)]
