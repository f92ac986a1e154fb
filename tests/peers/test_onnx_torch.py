"""PyTorch's modules through our import and our ONNX export, run by onnxruntime: the same answers at the far end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is in .venv-peers: npm run goldens -- --peers")

from onnxruntime import InferenceSession  # noqa: E402
from safetensors.torch import save  # noqa: E402
from torch import nn  # noqa: E402

from loom_py import Network  # noqa: E402
from loom_py.layers import from_config  # noqa: E402
from tests.golden.make import torch_files  # noqa: E402

MODELS: dict[str, tuple[nn.Module, Any, tuple[int, ...], dict[str, str] | None]] = {
    "cnn": (torch_files.Cnn(), torch_files.CNN, (2, 7, 7), None),
    "conv1d": (torch_files.Conv(), torch_files.CONV, (3, 7), None),
    "transformer": (torch_files.Block(), torch_files.BLOCK, (5, 12), torch_files.BLOCK_NAMES),
    "llama": (torch_files.Llama(), torch_files.LLAMA, (5, 16), torch_files.LLAMA_NAMES),
}


@pytest.mark.parametrize("name", MODELS)
def test_from_pytorch_to_onnxruntime(name: str) -> None:
    module, layers, shape, names = MODELS[name]
    net = Network.from_config({"input_shape": list(shape), "layers": layers})
    net.load_torch_weights(save(module.state_dict()), names)
    x = np.random.default_rng(1).standard_normal((3, *shape)).astype(np.float32)
    with torch.no_grad():
        wanted = module.eval()(torch.from_numpy(x)).numpy()
    (got,) = InferenceSession(net.onnx_bytes()).run(["output"], {"input": x})
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


MODULES: dict[str, tuple[nn.Module, dict[str, Any]]] = {
    "Dense": (nn.Linear(5, 4), {"inputs": 5, "outputs": 4}),
    "Conv1D": (nn.Conv1d(2, 3, 4), {"in_channels": 2, "out_channels": 3, "kernel_size": 4}),
    "Conv2D": (nn.Conv2d(2, 3, (4, 5)), {"in_channels": 2, "out_channels": 3, "kernel_size": [4, 5]}),
    "LSTM": (nn.LSTM(3, 4), {"inputs": 3, "hidden": 4, "carry": 2}),
    "GRU": (nn.GRU(3, 4), {"inputs": 3, "hidden": 4}),
    "RNN": (nn.RNN(3, 4), {"inputs": 3, "hidden": 4}),
    "MultiHeadAttention": (nn.MultiheadAttention(6, 2), {"dim": 6, "heads": 2}),
    "LayerNorm": (nn.LayerNorm(5), {"dim": 5}),
    "RMSNorm": (nn.RMSNorm(5), {"dim": 5}),
    "GroupNorm": (nn.GroupNorm(2, 4), {"groups": 2, "dim": 4}),
    "BatchNorm": (nn.BatchNorm2d(5), {"dim": 5}),
    "Embedding": (nn.Embedding(7, 5), {"count": 7, "dim": 5}),
}


@pytest.mark.parametrize("kind", MODULES)
def test_layers_name_what_the_module_has(kind: str) -> None:
    module, config = MODULES[kind]
    theirs = {name: tuple(value.shape) for name, value in module.state_dict().items() if name != "num_batches_tracked"}
    assert from_config({"type": kind, **config}).torch_state() == theirs
