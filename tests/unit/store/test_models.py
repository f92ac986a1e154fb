"""Models in files: outputs bit for bit after loading, several by id, and nothing made of a file that lies."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loom_py import (
    LSTM,
    BatchNorm,
    ConfigError,
    DataError,
    Dense,
    Embedding,
    FileFormatError,
    Identity,
    MultiHeadAttention,
    Network,
    Residual,
    Sequential,
    StateError,
    TrainingConfig,
    load_model,
)
from loom_py.engine.engine import Engine
from loom_py.layers import Layer
from loom_py.store import TensorFile, pack_tensors, read_source

RNG = np.random.default_rng(21)
IDS = RNG.integers(0, 5, (6, 4))


def reader(seed: int = 2) -> Network:
    layers = [
        Embedding(5, 6),
        Residual([MultiHeadAttention(6, 2, causal=True)]),
        LSTM(6, 8, carry=6),
        Dense(8, 5),
    ]
    return Network.of(4, layers, seed=seed)


def trained() -> Network:
    net = reader()
    net.fit(IDS, IDS, TrainingConfig(epochs=2, learning_rate=0.1))
    return net


def test_a_loaded_model_answers_bit_for_bit(tmp_path: Path) -> None:
    net, path = trained(), tmp_path / "model.safetensors"
    net.save_model(path)
    for again in (Network.load_model(path), load_model(path.read_bytes()), load_model(net.model_bytes(), "model")):
        assert again.to_config() == net.to_config()
        assert all((again.parameters()[name] == value).all() for name, value in net.parameters().items())
        twin = load_model(net.model_bytes())
        assert (again.forward(IDS) == twin.forward(IDS)).all()
    assert (net.forward(IDS) == load_model(path).forward(IDS)).all()


def test_buffers_are_saved_with_the_weights() -> None:
    net = Network.of(6, [BatchNorm(6), Dense(6, 2)], seed=1)
    net.fit(RNG.standard_normal((9, 6)) * 5, RNG.integers(0, 2, 9))
    again = load_model(net.model_bytes())
    assert again.parameters()["0.running_var"].max() > 1.5
    x = RNG.standard_normal((3, 6))
    assert (again.forward(x) == net.forward(x)).all()


def test_a_grid_comes_back_in_its_cells() -> None:
    net = Network(3, 2, 1, 2, seed=4)
    net.set_layer(1, 0, 1, Dense(3, 2))
    again = load_model(net.model_bytes("grid"))
    assert str(again.get_blueprint()) == str(net.get_blueprint())
    assert again.model_id == "grid" == again.get_blueprint().model_id


def test_several_models_live_in_one_file(tmp_path: Path) -> None:
    path, nets = tmp_path / "models.safetensors", {name: reader(seed) for seed, name in enumerate(("a", "b.1", "c-2"))}
    for name, net in nets.items():
        net.save_model(str(path), name)
    renewed = trained()
    renewed.save_model(path, "b.1")
    for name, net in (nets | {"b.1": renewed}).items():
        assert (load_model(path, name).parameters()["3.weight"] == net.parameters()["3.weight"]).all()
    with pytest.raises(StateError, match=r"one of a, c-2, b.1, got None"):
        load_model(path)
    with pytest.raises(StateError, match="got 'd'"):
        load_model(path, "d")


def test_any_reader_of_the_format_reads_the_weights() -> None:
    net = trained()
    file = TensorFile(read_source(net.model_bytes()))
    assert {name.removeprefix("model/") for name in file.entries} == set(net.parameters())
    assert (file.array("model/3.weight") == net.parameters()["3.weight"]).all()


@pytest.mark.parametrize("model_id", ["", "a/b", "a b", "ä", "x" * 101, "a\n", None])
def test_bad_ids_are_refused(model_id: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model_id"):
        reader().save_model(tmp_path / "a", model_id)
    assert not list(tmp_path.iterdir())


def test_another_kind_of_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader")
    with pytest.raises(FileFormatError):
        reader().save_model(path)
    assert path.read_text() == "Dear reader"
    path.write_bytes(pack_tensors({"a": np.zeros(3)}))
    with pytest.raises(FileFormatError, match="format"):
        reader().save_model(path)


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        reader().save_model(tmp_path / "none" / "a")


def filled(value: float) -> Network:
    """A network whose parameters all have one value."""
    net = Network.of(2, [Dense(2, 2), Dense(2, 2)], seed=1)
    net.set_parameters({name: np.full(array.shape, value) for name, array in net.parameters().items()})
    return net


def test_a_load_has_the_arrays_of_one_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "a", TensorFile.array
    filled(1.0).save_model(path)

    def slow(file: TensorFile, name: str) -> Any:
        filled(2.0).save_model(path)  # another process, between two arrays
        return read(file, name)

    with monkeypatch.context() as patch:
        patch.setattr(TensorFile, "array", slow)
        loaded = load_model(path)
    assert {float(value) for array in loaded.parameters().values() for value in array.flat} == {1.0}
    assert float(load_model(path).parameters()["0.bias"][0]) == 2.0


def test_a_file_rewritten_in_place_is_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "a", TensorFile.array
    filled(1.0).save_model(path)

    def slow(file: TensorFile, name: str) -> Any:
        path.write_bytes(filled(2.0).model_bytes())
        os.utime(path, ns=(1, 1))
        return read(file, name)

    monkeypatch.setattr(TensorFile, "array", slow)
    with pytest.raises(FileFormatError, match="read it again"):
        load_model(path)


def test_a_model_that_another_process_saves_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    filled(1.0).save_model(path, "old")
    pending = [filled(2.0)]
    from_file = TensorFile.array

    def slow(file: TensorFile, name: str) -> Any:
        if pending:
            pending.pop().save_model(path, "theirs")
        return from_file(file, name)

    monkeypatch.setattr(TensorFile, "array", slow)
    filled(3.0).save_model(path, "ours")
    kept = {name: load_model(path, name).parameters()["0.bias"][0] for name in ("old", "theirs", "ours")}
    assert kept == {"old": 1.0, "theirs": 2.0, "ours": 3.0}


# whatever is written can be read ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("writer", ["save_model", "save_checkpoint", "export_onnx"])
def test_values_that_are_not_finite_are_not_written(writer: str, value: float, tmp_path: Path) -> None:
    path, net = tmp_path / "a", filled(1.0)
    path.write_bytes(good := net.model_bytes())
    place = net.engine.layout.places["1.bias"]
    net.engine.memory.write(place.area, place.offset, np.array([0, value], np.float32))
    write = getattr(net, writer)
    if writer == "export_onnx":
        pytest.importorskip("onnx")
    with pytest.raises(DataError, match=r"1\.bias: expected finite numbers, got NaN or infinity"):
        write(path, *([net.fit_trainer(np.ones((2, 2)), np.array([0, 1]))] if writer == "save_checkpoint" else []))
    assert path.read_bytes() == good
    assert list(tmp_path.iterdir()) == [path]


def test_a_network_too_deep_to_be_read_is_not_written() -> None:
    layer: Layer = Dense(2, 2)
    for _ in range(280):
        layer = Sequential([layer])
    with pytest.raises(ConfigError, match="read back"):
        Network.of(2, [layer], seed=1).model_bytes()


# lies --------------------------------------------------------------------------------------------------------------

Tensors, Index = dict[str, Any], dict[str, Any]


def forged(change: Callable[[Tensors, Index], None]) -> bytes:
    """A file of a small model after somebody changed its arrays or its index."""
    file = TensorFile(read_source(Network.of(2, [Dense(2, 3), Identity()], seed=1).model_bytes()))
    tensors = {name: file.array(name) for name in file.entries}
    index = json.loads(file.metadata["loom_py"])
    change(tensors, index)
    text = index["raw"] if "raw" in index else json.dumps(index)
    return pack_tensors(tensors, {"format": "loom_py", "loom_py": text})


def config(index: Index) -> dict[str, Any]:
    return index["models"]["model"]["config"]  # type: ignore[no-any-return]


def sequence(count: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "Identity"}
    for _ in range(count):
        inner = {"type": "Sequential", "layers": [inner]}
    return inner


LIES: dict[str, Callable[[Tensors, Index], Any]] = {
    "huge layer": lambda t, i: config(i)["layers"][0].update(inputs=10**9, outputs=10**9),
    "unimaginable layer": lambda t, i: config(i)["layers"][0].update(inputs=10**400),
    "huge grid": lambda t, i: config(i).update(grid={"rows": 10**9, "cols": 10**9, "layers_per_cell": 1}),
    "huge input": lambda t, i: config(i).update(input_shape=[10**12, 2, 10**300]),
    "too many axes": lambda t, i: config(i).update(input_shape=[1] * 53 + [2]),
    "endless sequence": lambda t, i: (
        config(i).update(
            input_shape=[10**9, 1],
            layers=[{"type": "RNN", "inputs": 1, "hidden": 1}],
            grid={"rows": 1, "cols": 1, "layers_per_cell": 1},
        ),
        t.clear(),
        t.update({f"model/0.{n}": np.zeros((1, 1)[:k], np.float32) for n, k in (("weight_ih", 2), ("weight_hh", 2))}),
        t.update({"model/0.bias": np.zeros(1, np.float32)}),
    ),
    "deep nest": lambda t, i: i.update(raw=json.dumps(i).replace('{"type": "Identity"}', json.dumps(sequence(150)))),
    "bottomless nest": lambda t, i: i.update(raw='{"version":1,"models":' + "[" * 100_000),
    "unknown layer": lambda t, i: config(i)["layers"][0].update(type="Evil"),
    "unknown key": lambda t, i: config(i)["layers"][0].update(run="rm"),
    "layer a text": lambda t, i: config(i).update(layers="Dense"),
    "no layers": lambda t, i: config(i).pop("layers"),
    "config a list": lambda t, i: i["models"]["model"].update(config=[]),
    "no config": lambda t, i: i["models"]["model"].pop("config"),
    "odd key": lambda t, i: i["models"]["model"].update(code="x"),
    "run a list": lambda t, i: i["models"]["model"].update(run=[]),
    "no models": lambda t, i: i.update(models={}),
    "odd id": lambda t, i: i["models"].update({"a/b": i["models"]["model"]}),
    "newer version": lambda t, i: i.update(version=2),
    "version true": lambda t, i: i.update(version=True),
    "index a list": lambda t, i: i.update(raw="[]"),
    "index no JSON": lambda t, i: i.update(raw="{"),
    "index NaN": lambda t, i: i.update(raw='{"version": NaN}'),
    "array missing": lambda t, i: t.pop("model/0.bias"),
    "array too many": lambda t, i: t.update({"model/1.weight": np.zeros(1, np.float32)}),
    "array of nobody": lambda t, i: t.update({"other/0.weight": np.zeros(1, np.float32)}),
    "array beside, no run": lambda t, i: t.update({"model/best/0.bias": np.zeros(3, np.float32)}),
    "another shape": lambda t, i: t.update({"model/0.weight": np.zeros((3, 2), np.float32)}),
    "another dtype": lambda t, i: t.update({"model/0.bias": np.zeros(3)}),
    "NaN weights": lambda t, i: t.update({"model/0.bias": np.full(3, np.nan, np.float32)}),
    "negative variance": lambda t, i: (
        config(i).update(layers=[{"type": "BatchNorm", "dim": 3}, {"type": "Identity"}]),
        t.clear(),
        t.update({f"model/0.{n}": np.ones(3, np.float32) for n in ("weight", "bias", "running_mean")}),
        t.update({"model/0.running_var": -np.ones(3, np.float32)}),
    ),
    "shapes that do not chain": lambda t, i: config(i).update(input_shape=[7]),
}


@pytest.mark.parametrize("name", LIES)
def test_files_that_lie_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = forged(LIES[name])
    most = len(data) + 4096
    made = Engine.__init__

    def careful(self: Engine, *args: Any) -> None:
        made(self, *args)
        assert sum(self.memory.sizes.values()) < most, "more was allocated than the file could fill"

    monkeypatch.setattr(Engine, "__init__", careful)
    if name == "deep nest":
        load_model(data)  # deep, and true: it loads
        return
    with pytest.raises(FileFormatError, match=r"expected|recursion|maximum"):
        load_model(data)


def test_cut_files_are_refused_at_every_length() -> None:
    data = Network.of(2, [Dense(2, 3)], seed=1).model_bytes()
    for length in range(len(data)):
        with pytest.raises(FileFormatError):
            load_model(data[:length])
