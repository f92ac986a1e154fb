"""Import of PyTorch weights and check for ONNX export, for the methods of `Network`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from loom_py.layers import Layer
from loom_py.shapes import Array
from loom_py.store.source import read_source


def onnx_missing(_net: object) -> str | None:
    """Reason why ONNX models can't be written; None if they can."""
    return None if find_spec("onnx") else "the package onnx is not installed; install loom-py[onnx]"


def torch_parameters(
    layers: Iterable[tuple[str, Layer]], source: str | os.PathLike[str] | bytes, names: Mapping[str, str] | None
) -> dict[str, Array]:
    """Parameters by full name from PyTorch weights in safetensors; see `Network.load_torch_weights`."""
    # Imported on first use: every module delays the start of a page.
    from loom_py.store.safetensors import TensorFile
    from loom_py.store.torch_weights import read_torch_weights

    with read_source(source) as opened:
        return read_torch_weights(TensorFile(opened), layers, names)
