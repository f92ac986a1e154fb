"""The golden references against second opinions: `torch.nn`'s own attention, and thresholds found by bisection."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is in .venv-peers: npm run goldens -- --peers")

from torch import Tensor, nn  # noqa: E402

from tests.golden.make import attention, softmaxes  # noqa: E402
from tests.golden.make.params import Params, draw, leaf  # noqa: E402
from tests.golden.make.reference import shapes_of  # noqa: E402


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_attention_is_torchs_multi_head_attention(causal: bool, padded: bool) -> None:
    config = {"type": "MultiHeadAttention", "dim": 12, "heads": 3, "causal": causal}
    rng = np.random.default_rng(3)
    weights = {path: leaf(draw(spec, rng), torch.float64, gradient=False) for path, spec in shapes_of(config).items()}
    x = torch.from_numpy(rng.standard_normal((2, 5, 12)))
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2]) if padded else None
    ours = attention.attention(config, Params(weights, mask=mask), x)
    names = ("query", "key", "value")
    state = {
        "in_proj_weight": torch.cat([weights[f"{name}_weight"].T for name in names]),
        "in_proj_bias": torch.cat([weights[f"{name}_bias"] for name in names]),
        "out_proj.weight": weights["output_weight"].T,
        "out_proj.bias": weights["output_bias"],
    }
    module = nn.MultiheadAttention(12, 3, batch_first=True, dtype=torch.float64)
    module.load_state_dict(state)
    hidden = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
    theirs, _ = module(x, x, x, key_padding_mask=None if mask is None else ~mask, attn_mask=hidden)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_rotary_turns_complex_numbers() -> None:
    x = torch.from_numpy(np.random.default_rng(4).standard_normal((2, 3, 7, 8)))
    pairs = torch.complex(x[..., :4], x[..., 4:])  # (B,H,T,D/2), half-split
    angles = torch.arange(7.0, dtype=torch.float64)[:, None] * 10000 ** (
        -torch.arange(0, 8, 2, dtype=torch.float64) / 8
    )
    turned = pairs * torch.polar(torch.ones_like(angles), angles)
    torch.testing.assert_close(attention.rotate(x), torch.cat((turned.real, turned.imag), -1))


def _bisect(z: Tensor, power: float) -> Tensor:
    """max(0, z - τ)^power that sums to 1, τ by halving an interval that holds it."""
    low, high = z.amax(-1, keepdim=True) - 1, z.amax(-1, keepdim=True)
    for _ in range(60):
        middle = (low + high) / 2
        too_much = (z - middle).clamp_min(0).pow(power).sum(-1, keepdim=True) >= 1
        low, high = torch.where(too_much, middle, low), torch.where(too_much, high, middle)
    return (z - low).clamp_min(0).pow(power)


@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
def test_sparse_softmaxes_are_what_bisection_finds(spread: float) -> None:
    z = spread * torch.from_numpy(np.random.default_rng(5).standard_normal((50, 9)))
    torch.testing.assert_close(softmaxes.sparsemax(z), _bisect(z, 1), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(softmaxes.entmax15(z), _bisect(z / 2, 2), rtol=1e-9, atol=1e-12)


def test_sparse_softmaxes_have_right_gradients() -> None:
    z = torch.from_numpy(np.random.default_rng(6).standard_normal((4, 6))).requires_grad_()
    assert torch.autograd.gradcheck(softmaxes.sparsemax, (z,))
    assert torch.autograd.gradcheck(softmaxes.entmax15, (z,))
