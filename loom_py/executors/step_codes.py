"""Numbers of elementwise operations in kernels, shared by C (elementwise.c, chain.c) and WGSL (functions, chain)."""

from __future__ import annotations

from loom_py.ops.chain import ARITHMETIC, GRADIENT

ACTIVATIONS = ("linear", "relu", "leaky_relu", "sigmoid", "tanh", "softplus", "gelu", "silu", "elu")
"""Activations that the kernels have, in the order of their numbers."""
ARITHMETIC_CODES = {name: number for number, name in enumerate(ARITHMETIC)}
"""Number of each binary operation."""
ACTIVATIONS_FROM, GRADIENTS_FROM = 4, 32
"""Code of a chain's step: a binary operation's number, or an activation's or gradient's plus one of these."""


def step_code(operation: str) -> int | None:
    """Code of a step of a chain; None where the kernels don't have it."""
    if operation in ARITHMETIC_CODES:
        return ARITHMETIC_CODES[operation]
    name = operation.removesuffix(GRADIENT)
    if name not in ACTIVATIONS:
        return None
    return ACTIVATIONS.index(name) + (ACTIVATIONS_FROM if name == operation else GRADIENTS_FROM)
