"""The readers of files, each with a good file, its mutation, and the errors that it may raise."""

from __future__ import annotations

import base64
import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from loom_py import (
    LSTM,
    Adam,
    BatchNorm,
    ConfigError,
    DataError,
    Dense,
    DeviationMetrics,
    Embedding,
    FileFormatError,
    LoomError,
    Network,
    RecordingObserver,
    Residual,
    Sequential,
    ShapeError,
    StateError,
    Trainer,
    TrainingConfig,
    load_loom_bundle,
    load_model,
)
from loom_py.store import StoredModel, pack_models, pack_tensors
from tests.fuzz import mutate

Mutation = Callable[[bytes, random.Random], bytes]
X = np.arange(24, dtype=np.float32).reshape(4, 3, 2) / 24
Y = np.array([0, 1, 1, 0])
OWN = (FileFormatError,)
NAMED = (FileFormatError, StateError)  # the model that was asked for is missing
MAPPED = (FileFormatError, ConfigError, StateError, ShapeError, DataError)


@dataclass(frozen=True)
class Reader:
    """A reader of files."""

    good: Callable[[], bytes]
    read: Callable[[bytes], object]
    mutation: Mutation
    allowed: tuple[type[LoomError], ...] = OWN

    def survives(self, seed: str) -> bool:
        """Whether the file of this seed was read; raises whatever the reader may not raise."""
        data = mutate.mixed(self.mutation)(self.good(), random.Random(seed))
        try:
            self.read(data)
        except self.allowed as error:
            message = str(error)
            message.encode()  # a lone surrogate could be neither printed nor sent
            assert len(message) < 4000
            return False
        return True


def network() -> Network:
    return Network.of((3, 2), [LSTM(2, 3), BatchNorm(3), Dense(3, 2)], seed=1)


def config() -> TrainingConfig:
    return TrainingConfig(epochs=2, batch_size=2, optimizer=Adam())


def labels() -> Any:
    return np.repeat(Y[:, None], 3, axis=1)


@cache
def models() -> bytes:
    nets = {"a": network(), "b": Network.of(4, [Embedding(5, 2), Residual([Sequential([Dense(2, 2)])])], seed=2)}
    return pack_models({name: StoredModel(net.to_config(), dict(net.parameters())) for name, net in nets.items()})


@cache
def checkpoint() -> bytes:
    net = network()
    trainer = net.fit_trainer(X, labels(), config())
    for event in trainer.run():
        if event.type == "batch_end":
            break
    with tempfile.TemporaryDirectory() as folder:
        net.save_checkpoint(Path(folder) / "a", trainer)
        return (Path(folder) / "a").read_bytes()


@cache
def run() -> tuple[Network, Trainer]:
    net = network()
    return net, net.fit_trainer(X, labels(), config())


def read_checkpoint(data: bytes) -> None:
    net, trainer = run()
    net.load_checkpoint(data, trainer)


@cache
def weights() -> bytes:
    linear = {"fc.weight": np.ones((3, 2), np.float32), "fc.bias": np.ones(3, np.float32)}
    norm = {f"n.{name}": np.ones(3, np.float32) for name in ("weight", "bias", "running_mean", "running_var")}
    return pack_tensors(linear | norm | {"n.num_batches_tracked": np.array(3)})


def read_weights(data: bytes, names: dict[str, str] | None) -> None:
    Network.of(2, [Dense(2, 3), BatchNorm(3)], seed=1).load_torch_weights(data, names)


@cache
def bundle() -> bytes:
    inner = {"type": "float32", "dtype": "", "layers": [{"biases": [1.0, 2.0], "kernel": [0.5] * 6}]}
    data = base64.b64encode(json.dumps(inner).encode()).decode()
    layer = {
        "type": "dense", "activation": "relu", "width": 1, "height": 1, "input_height": 3, "output_height": 2,
    }  # fmt: skip
    cfg = {"id": "m", "batch_size": 1, "grid_rows": 1, "grid_cols": 1, "layers_per_cell": 1, "layers": [layer]}
    found = {"id": "m", "cfg": cfg, "weights": {"fmt": "jsonModelB64", "data": data}}
    return json.dumps({"type": "modelhost/bundle", "version": 1, "models": [found]}).encode()


def bundle_mutated(data: bytes, rng: random.Random) -> bytes:
    """A bundle changed outside or inside its base64."""
    if rng.random() < 0.5:
        return mutate.json_file(data, rng)
    outer = json.loads(data)
    held = outer["models"][0]["weights"]
    held["data"] = base64.b64encode(mutate.json_file(base64.b64decode(held["data"]), rng)).decode()
    return json.dumps(outer).encode()


@cache
def recording() -> bytes:
    observer, net = RecordingObserver(output_values=True, histograms=True), network()
    net.set_observer(observer)
    net.fit(X, labels(), config())
    return observer.to_text().encode()


def read_recording(data: bytes) -> None:
    found = RecordingObserver._read(data.splitlines(keepends=True), 2**28)
    found.get_history()
    RecordingObserver.from_text(found.to_text())  # what is read can be written and read again


@cache
def metrics() -> bytes:
    found = DeviationMetrics()
    for i in range(6):
        found.update([float(i)], [i + 0.5], sample_id=f"s{i}")
    found.update_class([0.2, 0.8], 1)
    return found.to_json().encode()


def read_metrics(data: bytes) -> None:
    found = DeviationMetrics.from_json(data.decode(errors="surrogateescape"))
    values = (found.score, found.regression.mae, found.regression.rmse, found.regression.r2)
    assert all(isinstance(value, float) for value in (*values, found.classification.calibration_error))
    DeviationMetrics.from_json(found.to_json())


READERS: dict[str, Reader] = {
    "model": Reader(models, lambda data: load_model(data, "a"), mutate.model_file, NAMED),
    "nested model": Reader(models, lambda data: load_model(data, "b"), mutate.model_file, NAMED),
    "checkpoint": Reader(checkpoint, read_checkpoint, mutate.model_file, NAMED),
    "weights": Reader(weights, lambda data: read_weights(data, None), mutate.model_file, MAPPED),
    "mapped weights": Reader(weights, lambda data: read_weights(data, {"fc": "0"}), mutate.model_file, MAPPED),
    "bundle": Reader(bundle, load_loom_bundle, bundle_mutated, NAMED),
    "recording": Reader(recording, read_recording, mutate.json_lines),
    "metrics": Reader(metrics, read_metrics, mutate.json_file),
}  # fmt: skip
