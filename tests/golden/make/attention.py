"""Multi-head attention by `torch.nn.functional.scaled_dot_product_attention`, and rotary positions written out.

Conventions: query head h uses key/value head h // (heads / kv_heads). The mask is (B,T), True where a position may be
attended to; masked positions still ask, they are only never answered. Rotary positions turn the pair (i, i + D/2) of
each head (half-split, as Llama does) by t · 10000^(-2i/D), t counted from 0, in queries and keys.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .params import Config, Params, Spec
from .reference import reference, with_bias


def _shapes(c: Config) -> dict[str, Spec]:
    dim = c["dim"]
    narrow = dim // c["heads"] * (c.get("kv_heads") or c["heads"])
    widths = {"query": dim, "key": narrow, "value": narrow, "output": dim}
    specs = {f"{name}_weight": Spec((dim, width), "weight") for name, width in widths.items()}
    return with_bias(c, True, specs | {f"{name}_bias": Spec((width,), "bias") for name, width in widths.items()})


def rotate(x: Tensor) -> Tensor:
    """x (B,H,T,D) with each pair (i, i + D/2) turned by its position's angle; arXiv:2104.09864."""
    half = x.shape[-1] // 2
    rates = 10000.0 ** (-torch.arange(half, dtype=x.dtype) / half)  # (D/2)
    angles = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * rates  # (T,D/2)
    first, second = x[..., :half], x[..., half:]
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)


def allowed(c: Config, p: Params, length: int) -> Tensor | None:
    """Who may see whom: (T,T) or (B,1,T,T), True = may; None when everything may."""
    ask = torch.ones(length, length, dtype=torch.bool).tril() if c.get("causal") else None
    if p.mask is None:
        return ask
    keys = p.mask[:, None, None, :]
    return keys if ask is None else keys & ask


@reference("MultiHeadAttention", "torch.nn.functional.scaled_dot_product_attention (enable_gqa)", _shapes)
def attention(c: Config, p: Params, x: Tensor) -> Tensor:
    heads, kv_heads = c["heads"], c.get("kv_heads") or c["heads"]

    def project(name: str, count: int) -> Tensor:
        y = F.linear(x, p[f"{name}_weight"].T, p.get(f"{name}_bias"))
        return y.unflatten(-1, (count, -1)).transpose(1, 2)  # (B,H,T,D)

    q, k, v = project("query", heads), project("key", kv_heads), project("value", kv_heads)
    if c.get("rotary"):
        q, k = rotate(q), rotate(k)
    y = F.scaled_dot_product_attention(q, k, v, allowed(c, p, x.shape[1]), enable_gqa=kv_heads < heads)
    return F.linear(y.transpose(1, 2).flatten(2), p["output_weight"].T, p.get("output_bias"))
