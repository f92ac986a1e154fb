"""Network: structure, running and observation, with training and files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from loom_py import store
from loom_py.atomic_file import update_whole, write_whole
from loom_py.diagnose.remedies import Remedy
from loom_py.engine.layout import checked, walk
from loom_py.errors import ConfigError, DataError, FileFormatError, LoomError, StateError
from loom_py.introspect import available_when, internal, runs_in_steps
from loom_py.layers import Layer
from loom_py.network.core import NetworkCore
from loom_py.network.grid import NetworkConfig
from loom_py.network.lock import exclusive
from loom_py.network.remedy import changed_layers
from loom_py.shapes import Array, ArrayLike
from loom_py.store.exchange import onnx_missing, torch_parameters
from loom_py.train.checkpoint import Snapshot
from loom_py.train.config import Batch, TrainingConfig, TrainingResult, read_config
from loom_py.train.data import array_batches, check_batches, check_samples
from loom_py.train.evaluation import Score, evaluate_samples
from loom_py.train.trainer import Trainer


class Network(NetworkCore):
    """A neural network on a grid of cells that run in reading order; an empty slot is the identity.

    `copy.copy`, `copy.deepcopy` and `pickle` make an independent network, the one that `load_model` makes of
    `model_bytes`. Several threads may call one network; it does one call after the other.
    """

    @classmethod
    def of(cls, input_shape: int | Sequence[int], layers: Sequence[Layer], *, seed: int | None = None) -> Network:
        """A network of one cell with these layers.

        Args:
            input_shape: shape of one sample; a number for a vector.
            layers: at least one layer.
            seed: seed of initial parameters and dropout; None chooses one at random.

        Raises:
            ConfigError: there are no layers, or something is not a layer.
            ShapeError: a layer does not fit the output of the one before it.
        """
        if not isinstance(layers, Sequence):
            raise ConfigError.expected(
                "layers", expected="a list of layers", got=type(layers).__name__,
                do="give the shape of a sample first: Network.of(2, [Dense(2, 1)])",
            )  # fmt: skip
        if not layers:
            raise ConfigError.expected("layers", expected="at least one layer", got="none")
        net = cls(input_shape, 1, 1, len(layers), seed=seed)
        for position, layer in enumerate(layers):
            net.set_layer(0, 0, position, layer)
        net.build()  # so that a wrong shape is refused here
        return net

    def apply(self, remedy: Remedy) -> Network:
        """A network with a remedy's change of structure and fresh initial weights; this one stays as it is.

        What the remedy changes of a run's options is carried out by `heal`.

        Args:
            remedy: one of a finding's `remedies`.

        Raises:
            ConfigError: it does not fit the network.
        """
        made = type(self).from_config(self.to_config())
        made.grid.layers = changed_layers(made.grid.layers, made.input_shape, remedy.change)
        made.model_id = self.model_id
        made._stale = True
        made.build()
        return made

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Network:
        """A network from plain data, as returned by `to_config`.

        Args:
            config: `{"input_shape": …, "layers": [...]}`, optionally with "grid" and "seed".

        Raises:
            ConfigError: not a dict, an unknown layer, key or activation, a value out of range.
            ShapeError: a layer does not fit the output of the one before it.
        """
        net = cls.__new__(cls)
        net._assemble(NetworkConfig.read(config))
        net.build()
        return net

    @runs_in_steps("trainer")
    def train(self, batches: Iterable[Batch], config: TrainingConfig | None = None, **options: Any) -> TrainingResult:
        """Train on the given batches, in their order, `config.epochs` times.

        Args:
            batches: training data. A list is checked before the first step. Batches of a generator, or of any other
                iterable, are drawn one by one as they are needed, so that it may be longer than memory, or endless
                (see `steps_per_epoch`). A generator's batches are kept if later epochs need them again.
            config: options; None uses the defaults. A dict of them is taken too.
            options: single options by their names in `TrainingConfig`, in place of `config`.

        Returns:
            Losses of each epoch, times, and the reason why training stopped.

        Raises:
            ShapeError, DataError: a batch does not fit. Nothing is changed by one of a list; batches of a stream before
                it have been trained on.
        """
        return drive(self.trainer(batches, config, **options))

    @runs_in_steps("fit_trainer")
    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        config: TrainingConfig | None = None,
        *,
        mask: ArrayLike | None = None,
        **options: Any,
    ) -> TrainingResult:
        """Train on arrays, split into shuffled batches.

        Args:
            x: inputs (N, …).
            y: labels (N, …), class shares (N, …, C), or values in the output's shape.
            config: options; None uses the defaults. A dict of them is taken too.
            mask: 1 for data, 0 for padding, as in `forward`.
            options: single options by their names in `TrainingConfig`, in place of `config`.

        Raises:
            ShapeError, DataError: the data does not fit; nothing is changed.
        """
        return drive(self.fit_trainer(x, y, config, mask=mask, **options))

    @internal
    def trainer(self, batches: Iterable[Batch], config: TrainingConfig | None = None, **options: Any) -> Trainer:
        """A training run to be driven step by step; see `Trainer.run`."""
        config = read_config(config, options)
        return Trainer(self, config, check_batches(self, config, batches))

    @internal
    def fit_trainer(
        self,
        x: ArrayLike,
        y: ArrayLike,
        config: TrainingConfig | None = None,
        *,
        mask: ArrayLike | None = None,
        **options: Any,
    ) -> Trainer:
        """A run of `fit`, to be driven step by step; see `Trainer.run`."""
        config = read_config(config, options)
        return Trainer(self, config, array_batches(self, config, x, y, mask))

    def evaluate(
        self,
        x: ArrayLike,
        y: ArrayLike,
        config: TrainingConfig | None = None,
        *,
        mask: ArrayLike | None = None,
        **options: Any,
    ) -> Score:
        """Loss and accuracy on held-out data, dropout off; nothing is changed.

        Args:
            x: inputs (N, …).
            y: targets as for `fit`.
            config: its loss and batch size are used.
            mask: 1 for data, 0 for padding, as in `forward`.
            options: single options by their names in `TrainingConfig`, such as `loss`, in place of `config`.

        Raises:
            ShapeError, DataError: the data does not fit.
        """
        config = read_config(config, options)
        step = config.options()
        return evaluate_samples(self, check_samples(self, step.loss, x, y, mask), step, config.batch_size)

    def save_model(self, path: str | os.PathLike[str], model_id: str = "model") -> None:
        """Write the network, its config and all its arrays, into a file; models with other ids in the file are kept.

        The file is safetensors with the configs in its metadata: any program that reads this format reads the weights.

        Args:
            path: file to write; an existing one must be a file of models and is replaced as a whole.
            model_id: name of the model in the file.

        Raises:
            ConfigError: the id is invalid, or the network is nested too deeply to be read. DataError: parameters are
                not finite. FileFormatError: the existing file is of another kind. OSError: it can't be written. The
                existing file is kept then.
        """
        own = {store.check_model_id(model_id): self._stored()}
        update_whole(path, lambda file: [store.pack_models(_other_models(file, model_id) | own)])

    def model_bytes(self, model_id: str = "model") -> bytes:
        """The network, its config and all its arrays, as the bytes of a file, for `load_model`.

        The file is safetensors with the configs in its metadata: any program that reads this format reads the weights.

        Args:
            model_id: name of the model in the file.

        Returns:
            The bytes that `save_model` writes into a new file.

        Raises:
            ConfigError: the id is invalid, or the network is nested too deeply. DataError: parameters are not finite.
        """
        return store.pack_models({model_id: self._stored()})

    @classmethod
    def load_model(cls, source: str | os.PathLike[str] | bytes, model_id: str | None = None) -> Network:
        """Load a network written by `save_model` or `model_bytes`; its outputs are equal bit for bit.

        Args:
            source: path of a file, or its bytes. Checkpoints are accepted too.
            model_id: id of the model; None loads the only one.

        Raises:
            FileFormatError: the file is damaged or hostile; it is refused before anything is built from it.
            StateError: there is no such model. OSError: the file does not exist.
        """
        with store.read_source(source) as opened:
            file = store.ModelFile(opened)
            stored = file.model(model_id)
        net = cls.__new__(cls)
        try:
            net._assemble(NetworkConfig.read(stored.config))
            net.set_parameters(_parameters(stored))
        except (LoomError, ValueError, OverflowError, RecursionError) as error:
            raise FileFormatError(f"model {model_id or ''}: {error}") from None
        net.model_id = model_id or next(iter(file.models))
        return net

    @internal
    @exclusive
    def save_checkpoint(self, path: str | os.PathLike[str], trainer: Trainer) -> None:
        """Write the current state of a training run of this network, for an exact continuation.

        Call it between two events of `Trainer.run`.

        Raises:
            StateError: the run belongs to another network. DataError: parameters or the optimizer's state are not
                finite. OSError: the file can't be written. The existing file is kept then.
        """
        self._check_own(trainer)
        snapshot = trainer.snapshot()
        stored = replace(self._stored(), run=snapshot.facts)
        stored.arrays.update(snapshot.arrays)
        write_whole(path, [store.pack_models({store.check_model_id(self.model_id): stored})])

    @internal
    @exclusive
    def load_checkpoint(self, source: str | os.PathLike[str] | bytes, trainer: Trainer) -> None:
        """Restore this network and a new run of it from a checkpoint; `Trainer.run` continues from there.

        The run must have the data and options of the saved one.

        Raises:
            FileFormatError: the file is damaged or hostile. StateError: it is not a checkpoint, or belongs to another
                network or run. Nothing is changed then.
        """
        self._check_own(trainer)
        with store.read_source(source) as opened:
            stored = store.ModelFile(opened).model()
        if stored.run is None:
            raise StateError("checkpoint: expected a file of save_checkpoint, got a model without a training run")
        if stored.config != self.to_config():
            raise StateError.expected(
                "checkpoint", expected="one of this network", got="another config",
                do="make the network with Network.load_model(path)",
            )  # fmt: skip
        try:
            parameters = checked(self.engine.layout, _parameters(stored))
        except DataError as error:
            raise FileFormatError(f"checkpoint: {error}") from None
        beside = {name: value for name, value in stored.arrays.items() if "/" in name}
        trainer.restore(Snapshot(stored.run, beside))
        self.set_parameters(parameters)

    def __reduce__(self) -> tuple[Any, ...]:
        """The copy that `copy.copy`, `copy.deepcopy` and `pickle` make: what `load_model` makes of `model_bytes`.

        Attributes that were added to the network are copied with it. A copy has no observers, chooses its device by
        itself, and starts its optimizer state, counts and random streams like any loaded network.
        """
        added = {name: value for name, value in vars(self).items() if name not in self._assembled}
        return _copied, (type(self), self.model_bytes(self.model_id)), added or None

    def load_torch_weights(
        self, source: str | os.PathLike[str] | bytes, names: Mapping[str, str] | None = None
    ) -> None:
        """Load PyTorch weights from a safetensors file; each layer converts their layout.

        Args:
            source: path of a file, or its bytes.
            names: target of each tensor, such as `{"fc1.weight": "0.weight"}`: its name in the file → a layer's path
                and PyTorch's name in that layer's module; or a whole module → a layer, `{"fc1": "0"}`, which must have
                a place for each of its tensors. Layers that are not named keep their values, and tensors outside the
                named modules are left out. None derives the targets from shapes, and from numbers in names; then the
                whole file and the whole network have to match.

        Raises:
            FileFormatError: the file is damaged or hostile. ConfigError: the map names something that does not exist,
                or a module with a tensor for which the layer has no place (another direction, a second level, a bias);
                or the targets are ambiguous. The message names them. StateError: a tensor is missing. ShapeError:
                a shape differs. DataError: values are not finite floating-point numbers. Nothing is changed then.
        """
        layers = walk((str(index), layer) for index, layer in enumerate(self.grid.layers))
        self.set_parameters(torch_parameters(layers, source, names))

    @available_when(onnx_missing)
    def export_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network as an ONNX model: `input` (N, …), ids as int64, to `output` (N, …), any number of samples.

        It computes the network in its current state: without dropout, BatchNorm with its running statistics, recurrent
        layers from states of 0. Opset 17.

        Args:
            path: file to write; an existing one is replaced as a whole.

        Raises:
            UnavailableError: layers that ONNX has no operators for, named; or the package `onnx` is not installed (the
                extra of that name). DataError: parameters are not finite. OSError: the file can't be written.
        """
        write_whole(path, [self.onnx_bytes()])

    @available_when(onnx_missing)
    def onnx_bytes(self) -> bytes:
        """The network as the bytes of an ONNX model: `input` (N, …), ids as int64, to `output`.

        Returns:
            The bytes that `export_onnx` writes.

        Raises:
            UnavailableError: layers that ONNX has no operators for, named; or the package `onnx` is not installed.
            DataError: parameters are not finite.
        """
        from loom_py.store.onnx import onnx_model  # imported on first use: every module delays the start of a page

        return onnx_model(self)

    @exclusive
    def _stored(self) -> store.StoredModel:
        return store.StoredModel(self.to_config(), dict(self.parameters()))

    def _check_own(self, trainer: Trainer) -> None:
        if trainer.net is not self:
            raise StateError("checkpoint: expected a run of this network, got another's; use net.trainer(...)")


def _other_models(file: BinaryIO | None, model_id: str) -> dict[str, store.StoredModel]:
    """The models of an open file but the one of this id; none without a file."""
    if file is None:
        return {}
    models = store.ModelFile(store.FileSource(file))
    return {known: models.model(known) for known in models.models if known != model_id}


def _parameters(stored: store.StoredModel) -> dict[str, Array]:
    return {name: value for name, value in stored.arrays.items() if "/" not in name}


def load_model(source: str | os.PathLike[str] | bytes, model_id: str | None = None) -> Network:
    """Load a network from a file of models, or from its bytes; see `Network.load_model`.

    Args:
        source: path of a file, or its bytes.
        model_id: id of the model; None loads the only one.

    Raises:
        FileFormatError: the file is damaged or hostile. StateError: there is no such model.
    """
    return Network.load_model(source, model_id)


def _copied(cls: type[Network], model: bytes) -> Network:
    """The network of a copy or pickle, of its own class."""
    return cls.load_model(model)


def load_loom_bundle(source: str | os.PathLike[str] | bytes, model_id: str | None = None) -> Network:
    """Load a network from a model bundle of the Go library Loom: JSON of `"type": "modelhost/bundle"`, version 1.

    Supported layers: dense, conv2d, rnn, lstm, layer_norm, rms_norm and softmax, where both libraries compute the same.

    Args:
        source: path of a file, or its bytes.
        model_id: id of the model; None loads the only one.

    Raises:
        FileFormatError: the file is damaged or hostile, or a layer has no equivalent here; the message names it.
        StateError: there is no such model. OSError: the file does not exist.
    """
    from loom_py.store.loom_bundle import (
        read_loom_bundle,
    )  # imported on first use: every module delays the start of a page

    with store.read_source(source) as opened:
        found, config, arrays = read_loom_bundle(opened, model_id)
    net = Network.__new__(Network)
    try:
        net._assemble(config)
        net.set_parameters(arrays)
    except (LoomError, ValueError, OverflowError, RecursionError) as error:
        raise FileFormatError(f"model {found[:80]}: {error}") from None
    net.model_id = found
    return net


def drive(trainer: Trainer) -> TrainingResult:
    """Run a training run to its end."""
    for _ in trainer.run():
        pass
    return trainer.result
