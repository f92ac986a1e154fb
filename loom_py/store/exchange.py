"""What a network takes from other frameworks' files and gives to them; `Network` inherits it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec

from loom_py.atomic_file import write_whole
from loom_py.engine.layout import walk
from loom_py.introspect.introspectable import available_when
from loom_py.network.core import NetworkCore
from loom_py.store.source import read_source

# Each way's own module is imported where it is first used: a page pays for every module at its start.


def _onnx_missing(_net: object) -> str | None:
    return None if find_spec("onnx") else "the package onnx is not installed; install loom-py[onnx]"


class Exchange(NetworkCore):
    """Import of PyTorch's weights, export to ONNX."""

    def load_torch_weights(
        self, source: str | os.PathLike[str] | bytes, names: Mapping[str, str] | None = None
    ) -> None:
        """Take over weights that PyTorch wrote as safetensors; layouts are turned as each layer needs it.

        Args:
            source: path of a file, or its bytes.
            names: where each tensor goes, such as `{"fc1.weight": "0.weight"}`: on the left its name in the file, on
                the right a layer's path and PyTorch's name in that layer's module; or a whole module to a layer,
                `{"fc1": "0"}`. Layers that it does not name keep what they have. None finds out from shapes, and from
                numbers in names; all of the file and all of the network then have to meet.

        Raises:
            FileFormatError: the file is damaged or hostile. ConfigError: the map names what is not there, or it is
                unclear what goes where; the text lists both sides. StateError: no such tensor. ShapeError: another
                shape. DataError: not finite floating-point numbers. Nothing is changed then.
        """
        from loom_py.store.safetensors import TensorFile
        from loom_py.store.torch_weights import read_torch_weights

        layers = walk((str(index), layer) for index, layer in enumerate(self.grid.layers))
        self.set_parameters(read_torch_weights(TensorFile(read_source(source)), layers, names))

    @available_when(_onnx_missing)
    def export_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network as an ONNX model: `input` (N, …), ids as int64, to `output` (N, …), any number of samples.

        It answers as the network does now: without dropout, BatchNorm by its running statistics, recurrent layers from
        zeros. Opset 17.

        Args:
            path: file to write; what is there is replaced as a whole.

        Raises:
            UnavailableError: layers that ONNX has no operators for, named; or the package `onnx` is not installed (the
                extra of that name). OSError: the file can't be written.
        """
        from loom_py.store.onnx import onnx_model

        write_whole(path, [onnx_model(self)])

    @available_when(_onnx_missing)
    def onnx_bytes(self) -> bytes:
        """The network as it answers now as the bytes of an ONNX model: `input` (N, …), ids as int64, to `output`.

        Returns:
            What `export_onnx` writes.

        Raises:
            UnavailableError: layers that ONNX has no operators for, named; or the package `onnx` is not installed.
        """
        from loom_py.store.onnx import onnx_model

        return onnx_model(self)
