"""What a network takes from other frameworks' files and gives to them; `Network` inherits it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from loom_py.network.arrays import walk
from loom_py.network.core import NetworkCore
from loom_py.store.safetensors import TensorFile
from loom_py.store.source import read_source
from loom_py.store.torch_weights import read_torch_weights


class Exchange(NetworkCore):
    """Import of PyTorch's weights."""

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
        layers = walk((str(index), layer) for index, layer in enumerate(self.grid.layers))
        self.set_parameters(read_torch_weights(TensorFile(read_source(source)), layers, names))
