"""Files of weights as PyTorch's users write them, and what those models answer: our import must answer the same.

The models are written with `torch.nn`'s own modules, so that a layout taken for another shows.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from .files import Entry

Layers = list[dict[str, Any]]


def dense(inputs: int, outputs: int, activation: str = "linear", **more: Any) -> dict[str, Any]:
    return {"type": "Dense", "inputs": inputs, "outputs": outputs, "activation": activation, **more}


class Cnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, (3, 2), stride=2, padding=1, dilation=(1, 2))
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 2 * 2, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.max_pool2d(F.relu(self.norm(self.stem(x))), 2).flatten(1))


class Text(nn.Module):
    def __init__(self, cell: nn.Module, width: int) -> None:
        super().__init__()
        self.embed, self.cell, self.out = nn.Embedding(7, 5), cell, nn.Linear(width, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.cell(self.embed(x))[0])


class Block(nn.Module):
    """A transformer's block, the norms first."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(12), nn.LayerNorm(12)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.up, self.down = nn.Linear(12, 12), nn.Linear(12, 12)

    def forward(self, x: Tensor) -> Tensor:
        y, t = self.norm1(x), x.shape[1]
        mask = torch.ones(t, t, dtype=torch.bool).triu(1)
        x = x + self.attention(y, y, y, attn_mask=mask, need_weights=False)[0]
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Llama(nn.Module):
    """A block of Llama's: RMSNorm, rotary positions, fewer key/value heads, a gated feed-forward part."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = nn.RMSNorm(16, eps=1e-5), nn.RMSNorm(16, eps=1e-5)
        self.self_attn = nn.ModuleDict({f"{n}_proj": nn.Linear(16, 16 if n in "qo" else 8, bias=False) for n in "qkvo"})
        widths = {"gate": (16, 9), "up": (16, 9), "down": (9, 16)}
        self.mlp = nn.ModuleDict({f"{n}_proj": nn.Linear(*w, bias=False) for n, w in widths.items()})

    def forward(self, x: Tensor) -> Tensor:
        y, (b, t, c), at, mlp = self.input_layernorm(x), x.shape, self.self_attn, self.mlp
        heads = [at[f"{n}_proj"](y).view(b, t, -1, 4).transpose(1, 2) for n in "qkv"]
        q, k, v = _turned(heads[0]), _turned(heads[1]), heads[2]
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + at["o_proj"](seen.transpose(1, 2).reshape(b, t, c))
        y = self.post_attention_layernorm(x)
        return x + mlp["down_proj"](F.silu(mlp["gate_proj"](y)) * mlp["up_proj"](y))


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(3, 4, 3), nn.GroupNorm(2, 4), nn.ELU(), nn.Conv1d(4, 4, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _turned(x: Tensor) -> Tensor:
    """Rotary positions, half-split: cos and sin over both halves, the second half negated into the first."""
    half = x.shape[-1] // 2
    frequencies = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.outer(torch.arange(x.shape[-2], dtype=torch.float64), frequencies).repeat(1, 2).to(x.dtype)
    swapped = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * angles.cos() + swapped * angles.sin()


def stack(count: int) -> nn.Sequential:
    return nn.Sequential(*(module for _ in range(count) for module in (nn.Linear(5, 5), nn.Tanh())))


def residual(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Residual", "layers": list(layers)}


EMBED, CELL = {"type": "Embedding", "count": 7, "dim": 5}, {"inputs": 5, "hidden": 6}
NORM, RMS = {"type": "LayerNorm", "dim": 12}, {"type": "RMSNorm", "dim": 16}
BLOCK = [
    residual(NORM, {"type": "MultiHeadAttention", "dim": 12, "heads": 3, "causal": True}),
    residual(NORM, dense(12, 12, "gelu"), dense(12, 12)),
]
BLOCK_NAMES = {
    "norm1": "0.layers.0", "attention": "0.layers.1", "norm2": "1.layers.0",
    "up.weight": "1.layers.1.weight", "up.bias": "1.layers.1.bias", "down": "1.layers.2",
}  # fmt: skip
ATTENTION = {"type": "MultiHeadAttention", "dim": 16, "heads": 4, "kv_heads": 2, "causal": True, "rotary": True}
LLAMA = [
    residual(RMS, ATTENTION | {"bias": False}),
    residual(RMS, {"type": "SwiGLU", "dim": 16, "hidden": 9}),
]
LLAMA_NAMES = {
    "input_layernorm": "0.layers.0", "self_attn": "0.layers.1",
    "post_attention_layernorm": "1.layers.0", "mlp": "1.layers.1",
}  # fmt: skip
CONV2D = {"type": "Conv2D", "in_channels": 2, "out_channels": 4, "kernel_size": [3, 2], "stride": 2, "padding": 1}
CNN = [
    CONV2D | {"dilation": [1, 2]},
    {"type": "BatchNorm", "dim": 4},
    {"type": "Activation", "function": "relu"},
    {"type": "MaxPool2D", "size": 2},
    {"type": "Flatten"},
    dense(16, 3, bias=False),
]
CONV1D = {"type": "Conv1D", "out_channels": 4}
CONV = [
    CONV1D | {"in_channels": 3, "kernel_size": 3},
    {"type": "GroupNorm", "groups": 2, "dim": 4},
    {"type": "Activation", "function": "elu"},
    CONV1D | {"in_channels": 4, "kernel_size": 2},
]


def entries() -> list[Entry]:
    values = np.random.default_rng(5)

    def x(*shape: int) -> Tensor:
        return torch.from_numpy(values.standard_normal(shape).astype(np.float32))

    ids = torch.from_numpy(values.integers(0, 7, (3, 4)))
    cells = {
        "lstm": (nn.LSTM(5, 6, batch_first=True), {"type": "LSTM"}),
        "gru": (nn.GRU(5, 6, batch_first=True), {"type": "GRU"}),
        "rnn": (nn.RNN(5, 6, nonlinearity="relu", batch_first=True), {"type": "RNN", "activation": "relu"}),
    }
    texts = [
        _record(name, Text(cell, 6), [EMBED, config | CELL, dense(6, 7)], ids) for name, (cell, config) in cells.items()
    ]
    return [
        _record("twelve of one shape", stack(12), [dense(5, 5, "tanh")] * 12, x(3, 5)),
        _record("half precision", stack(2), [dense(5, 5, "tanh")] * 2, x(2, 5), dtype=torch.bfloat16),
        _record("cnn", Cnn(), CNN, x(2, 2, 7, 7)),
        _record("conv1d", Conv(), CONV, x(2, 3, 7)),
        *texts,
        _record("transformer", Block(), BLOCK, x(2, 5, 12), BLOCK_NAMES),
        _record("llama", Llama(), LLAMA, x(2, 5, 16), LLAMA_NAMES),
    ]


def _record(
    name: str,
    model: nn.Module,
    layers: Layers,
    x: Tensor,
    names: dict[str, str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Entry:
    """Draws every value anew, so that scales are not 1 and biases not 0; answers in float64 on the stored weights."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            drawn = generator.standard_normal(tuple(value.shape)) * 0.4
            value.copy_(torch.from_numpy(np.abs(drawn) + 0.5 if key.endswith("running_var") else drawn))
    model = model.to(dtype).eval()
    file = np.frombuffer(save(model.state_dict()), np.uint8)
    with torch.no_grad():
        y = model.double()(x.double() if x.is_floating_point() else x)
    line = {"name": name, "layers": layers, "names": names}
    return line, {"file": file, "input": x.numpy(), "output": y.numpy()}
