"""Exported networks answer in onnxruntime as they do here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loom_py import (
    GRU,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    Layer,
    MaxPool2D,
    MultiHeadAttention,
    Network,
    PositionalEmbedding,
    Residual,
    RMSNorm,
    Sequential,
    Softmax,
    SwiGLU,
    UnavailableError,
)
from loom_py.shapes import AnyArray
from loom_py.store import exchange
from tests.unit.layers.examples import EXAMPLES, Example, named_examples

NO_OPERATOR = {
    ("RNN", "gelu"): "no activation 'gelu'",
    ("RNN", "silu"): "no activation 'silu'",
    ("Softmax", "masked"): "variant 'masked'",
    ("Softmax", "sparsemax"): "variant 'sparsemax'",
    ("Softmax", "entmax15"): "variant 'entmax15'",
}


def refusal(kind: str, example: Example) -> str | None:
    """Why a layer made like this can't be exported; None if it can."""
    word = example.config.get("activation", example.config.get("variant", ""))
    return NO_OPERATOR.get((kind, word)) or ("carried" if example.config.get("carry") else None)


# A network's samples have an axis at least.
EXAMPLES_OF_NETWORKS = [named for named in named_examples() if len(named[2].shape) > 1]
EXPORTED = [(name, kind, e) for name, kind, e in EXAMPLES_OF_NETWORKS if refusal(kind, e) is None]
REFUSED = [(name, kind, e) for name, kind, e in EXAMPLES_OF_NETWORKS if refusal(kind, e)]


def drawn(net: Network) -> Network:
    """Every array anew, so that no scale is 1 and no bias 0; variances stay positive."""
    rng = np.random.default_rng(3)
    values = {name: rng.standard_normal(value.shape) * 0.5 for name, value in net.parameters().items()}
    net.set_parameters({k: np.abs(v) + 0.5 if k.endswith("running_var") else v for k, v in values.items()})
    return net


def answers(model: bytes, x: AnyArray) -> AnyArray:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = InferenceSession(model, options, providers=["CPUExecutionProvider"])
    fed = x.astype(np.int64) if x.dtype.kind == "i" else x
    output = session.run(["output"], {"input": fed})[0]
    assert isinstance(output, np.ndarray)
    return output


def same(net: Network, x: AnyArray) -> None:
    for batch in (x, np.concatenate([x, x[:1]])):  # the exported model takes any number of samples
        wanted = net.forward(batch)
        got = answers(net.onnx_bytes(), batch)
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(wanted).max())))


@pytest.mark.cpython
@pytest.mark.parametrize(("kind", "example"), [e[1:] for e in EXPORTED], ids=[e[0] for e in EXPORTED])
def test_a_layer_answers_the_same(kind: str, example: Example) -> None:
    net = drawn(Network.of(example.shape[1:], [example.layer(kind)], seed=2))
    same(net, example.input(np.random.default_rng(4), np.float32))


@pytest.mark.cpython
@pytest.mark.parametrize(("kind", "example"), [e[1:] for e in REFUSED], ids=[e[0] for e in REFUSED])
def test_what_onnx_has_not_is_named(kind: str, example: Example) -> None:
    net = Network.of(example.shape[1:], [Identity(), example.layer(kind)])
    with pytest.raises(UnavailableError, match=rf"layer 1 \({kind}\).*{refusal(kind, example)}"):
        net.onnx_bytes()


@pytest.mark.cpython
def test_every_layer_of_ours_is_exported_in_some_form() -> None:
    assert {kind for _, kind, _ in EXPORTED} == set(EXAMPLES)


def cnn() -> tuple[Network, AnyArray]:
    layers = [
        Conv2D(2, 4, 3, padding=1, activation="relu"),
        MaxPool2D(2),
        Flatten(),
        Dropout(0.5),
        Dense(36, 3),
        Softmax(),
    ]
    return Network.of((2, 6, 6), layers, seed=1), np.random.default_rng(1).standard_normal((2, 2, 6, 6)).astype(
        np.float32
    )


def transformer() -> tuple[Network, AnyArray]:
    attention = MultiHeadAttention(8, 4, kv_heads=2, causal=True, rotary=True)
    block = [Residual([RMSNorm(8), attention]), Residual([Sequential([RMSNorm(8), SwiGLU(8, 12)])])]
    layers: list[Layer] = [Embedding(9, 8), PositionalEmbedding(6, 8), *block, *block, Dense(8, 9)]
    return Network.of(5, layers, seed=1), np.random.default_rng(1).integers(0, 9, (3, 5)).astype(np.int32)


def recurrent() -> tuple[Network, AnyArray]:
    layers = [GRU(3, 4), GRU(4, 5, return_sequences=False), Dense(5, 2, "gelu")]
    return Network.of((6, 3), layers, seed=1), np.random.default_rng(1).standard_normal((2, 6, 3)).astype(np.float32)


@pytest.mark.cpython
@pytest.mark.parametrize("made", [cnn, transformer, recurrent])
def test_whole_networks_answer_the_same(made: Any) -> None:
    net, x = made()
    same(drawn(net), x)


@pytest.mark.cpython
def test_the_file_has_the_arrays_by_their_names(tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    net, path = Network.of(3, [Dense(3, 2)], seed=1), tmp_path / "a.onnx"
    net.export_onnx(path)
    model = onnx.load(path)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert (arrays["0.weight"] == net.parameters()["0.weight"]).all()
    assert [entry.version for entry in model.opset_import] == [17]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.cpython
def test_layers_without_nodes_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dense, "to_onnx", Layer.to_onnx)
    net = Network.of(3, [Dense(3, 3), Identity(), Residual([Dense(3, 3)])])
    with pytest.raises(UnavailableError, match=r"got others: 0 \(Dense\), 2\.layers\.0 \(Dense\)"):
        net.onnx_bytes()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "find_spec", lambda name: None)
    net = Network.of(3, [Dense(3, 2)])
    assert not net.has_method("export_onnx")
    with pytest.raises(UnavailableError, match=r"install loom-py\[onnx\]"):
        net.onnx_bytes()
