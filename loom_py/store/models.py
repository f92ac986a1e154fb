"""Models in one safetensors file: configs in its metadata, arrays named `<id>/<array>`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loom_py.engine.layout import check_values, walk
from loom_py.errors import ConfigError, FileFormatError, StateError
from loom_py.layers import Layer
from loom_py.network.grid import NetworkConfig
from loom_py.shapes import AnyArray, Shape
from loom_py.store.safetensors import TensorFile, pack_tensors
from loom_py.store.source import BytesSource, Source
from loom_py.strict_json import loads

FORMAT, VERSION = "loom_py", 1
_ID = re.compile(r"[A-Za-z0-9_.\-]{1,100}")


@dataclass(frozen=True)
class StoredModel:
    """A model in a file.

    Attributes:
        config: config of the network, as returned by `to_config`.
        arrays: arrays by full name; names of arrays that are not parameters of the network contain a "/".
        run: progress of a training run; None if the model is not a checkpoint.
    """

    config: dict[str, Any]
    arrays: dict[str, AnyArray]
    run: dict[str, Any] | None = None


def check_model_id(model_id: str) -> str:
    """The id if it is valid in a file; raises ConfigError."""
    if not isinstance(model_id, str) or not _ID.fullmatch(model_id):
        raise ConfigError.expected(
            "model_id", expected="1 to 100 letters, digits, dots, dashes and underscores", got=repr(model_id)[:120]
        )
    return model_id


def pack_models(models: Mapping[str, StoredModel]) -> bytes:
    """Models by id as the bytes of one file.

    Raises:
        DataError: an array has values that are not finite, so that the file could not be read.
        ConfigError: an id is invalid, or a config can't be written.
    """
    for model_id, model in models.items():
        for name, array in model.arrays.items():
            check_values(f"model {model_id}: array {name}", array)
    entries = {
        check_model_id(model_id): {"config": model.config} | ({} if model.run is None else {"run": model.run})
        for model_id, model in models.items()
    }
    index = {"version": VERSION, "models": entries}
    tensors = {f"{key}/{name}": array for key, model in models.items() for name, array in model.arrays.items()}
    try:
        data = pack_tensors(tensors, {"format": FORMAT, FORMAT: json.dumps(index, allow_nan=False)})
        written = ModelFile(BytesSource(data))
        for model_id in written.models:
            written.check(model_id)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"model file: expected a network that can be read back, got one that can't: {error}"
        ) from None
    return data


@dataclass
class ModelFile:
    """A file of models: the index is read at once, each model on demand.

    Raises:
        FileFormatError: the file is damaged, hostile, or not of this package.
    """

    source: Source
    models: dict[str, dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self._file = TensorFile(self.source)
        if self._file.metadata.get("format") != FORMAT:
            raise FileFormatError.expected(
                "model file", expected=f'"format": "{FORMAT}" in its metadata', got=self._file.metadata.get("format"),
                do="read other safetensors files with read_safetensors",
            )  # fmt: skip
        self.models = _read_index(self._file.metadata.get(FORMAT, ""))
        homeless = [name for name in self._file.entries if name.partition("/")[0] not in self.models]
        if homeless:
            raise FileFormatError.expected("model file", expected="tensors of its models", got=repr(homeless[0])[:80])

    def model(self, model_id: str | None = None) -> StoredModel:
        """One model, with copies of its arrays; None reads the only one.

        The config is checked against the arrays' names, shapes and dtypes first, so that no config can allocate more
        than the file's size.

        Raises:
            StateError: there is no model of this id, or there are several and none was named.
            FileFormatError: config and arrays don't fit each other.
        """
        if model_id is None and len(self.models) == 1:
            model_id = next(iter(self.models))
        if model_id not in self.models:
            raise StateError.expected("model_id", expected=f"one of {', '.join(self.models)}", got=repr(model_id)[:120])
        entry = self.models[model_id]
        arrays = {name: self._file.array(f"{model_id}/{name}") for name in self.check(model_id)}
        return StoredModel(entry["config"], arrays, entry.get("run"))

    def check(self, model_id: str) -> list[str]:
        """Names of a model's arrays, after the check of its config against them; raises FileFormatError."""
        prefix, entry = f"{model_id}/", self.models[model_id]
        found = {name.removeprefix(prefix): e for name, e in self._file.entries.items() if name.startswith(prefix)}
        shapes = _shapes_of(entry["config"])
        _check_arrays({n: (e.shape, e.dtype) for n, e in found.items()}, shapes, "run" in entry)
        return list(found)


def _read_index(text: str) -> dict[str, dict[str, Any]]:
    index = loads(text, "model file index")
    version = index.get("version") if isinstance(index, dict) else None
    if version != VERSION or isinstance(version, bool):
        raise FileFormatError.expected(
            "model file version", expected=VERSION, got=repr(version)[:40], do="read it with a newer loom_py"
        )
    models = index.get("models")
    if not isinstance(models, dict) or not models or not all(_ID.fullmatch(model_id) for model_id in models):
        raise FileFormatError.expected("model file index", expected="models by id", got=repr(models)[:80])
    for model_id, entry in models.items():
        keys = set(entry) if isinstance(entry, dict) else set()
        if "config" not in keys or keys - {"config", "run"} or not isinstance(entry.get("run", {}), dict):
            raise FileFormatError.expected(
                f"model {model_id}", expected='an object with "config" and optionally "run"', got=repr(entry)[:80]
            )
    return models


def _shapes_of(config: Any) -> dict[str, Shape]:
    """Shapes of all arrays of a network with this config, by full name; nothing is allocated."""
    try:
        layers: list[Layer] = NetworkConfig.read(config).grid.layers
        top = [(str(index), layer) for index, layer in enumerate(layers)]
        return {f"{path}.{p.name}": p.shape for path, layer in walk(top) for p in layer.parameters()}
    except (ConfigError, RecursionError) as error:
        raise FileFormatError(f"model config: {error}") from None


def _check_arrays(found: Mapping[str, tuple[Shape, str]], shapes: Mapping[str, Shape], has_run: bool) -> None:
    """Check that the parameters are those of the config, and that other arrays are of a run and match a parameter."""
    own = {name: entry for name, entry in found.items() if "/" not in name}
    if set(own) != set(shapes):
        odd = sorted(set(own) ^ set(shapes))[0]
        side = "no array for" if odd in shapes else "no place for array"
        raise FileFormatError.expected("model arrays", expected="those of the config", got=f"{side} {odd!r}")
    for name, (shape, dtype) in found.items():
        wanted = shapes.get(name.rpartition("/")[2])
        if dtype != "F32" or shape != wanted or ("/" in name and not has_run):
            raise FileFormatError.expected(f"array {name!r}", expected=f"F32 {wanted}", got=f"{dtype} {shape}")
