"""Limits and codes of chains, which kernels repeat in their own languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import loom_py.executors
from loom_py.executors.step_codes import ACTIVATIONS, ACTIVATIONS_FROM, GRADIENTS_FROM, step_code
from loom_py.ops import FUNCTIONS
from loom_py.ops.chain import ARITHMETIC, MOST_AXES, MOST_INPUTS, MOST_STEPS, PREVIOUS

FOLDER = Path(loom_py.executors.__file__).parent


def constants(path: str) -> dict[str, int]:
    """Names and values that a kernel's source declares."""
    source = (FOLDER / path).read_text(encoding="utf-8")
    return {name: int(value) for name, value in re.findall(r"\b([A-Z_]+) = (-?\d+)u?[,; ]", source)}


@pytest.mark.cpython
def test_the_c_kernel_has_the_verbs_limits_and_codes() -> None:
    declared = constants("wasm/kernels/chain.c")
    wanted = {
        "MOST_INPUTS": MOST_INPUTS,
        "PREVIOUS": PREVIOUS,
        "ACTIVATIONS_FROM": ACTIVATIONS_FROM,
        "GRADIENTS_FROM": GRADIENTS_FROM,
        "INPUT_WORDS": 1 + MOST_AXES,
    }
    assert {name: declared[name] for name in wanted} == wanted


def test_the_wgsl_kernel_has_the_verbs_limits_and_codes() -> None:
    source, declared = (FOLDER / "webgpu/kernels/chain.wgsl").read_text("utf-8"), constants("webgpu/kernels/chain.wgsl")
    wanted = {"PREVIOUS": PREVIOUS & 15, "ACTIVATIONS_FROM": ACTIVATIONS_FROM, "GRADIENTS_FROM": GRADIENTS_FROM}
    assert {name: declared[name] for name in wanted} == wanted
    assert len(re.findall(r"override step\d", source)) == MOST_STEPS
    words = 2 + MOST_AXES + (1 + MOST_AXES) * MOST_INPUTS
    assert f"array<vec4u, {-(-words // 4)}>" in source


def test_activations_have_the_same_numbers_everywhere() -> None:
    declared = constants("webgpu/kernels/functions.wgsl")
    assert [declared[name.removesuffix("_relu").upper()] for name in ACTIVATIONS] == list(range(len(ACTIVATIONS)))
    assert set(ACTIVATIONS) <= set(FUNCTIONS)


def test_codes_are_different() -> None:
    steps = [*ARITHMETIC, *ACTIVATIONS, *(f"{name}_gradient" for name in ACTIVATIONS)]
    codes = [step_code(step) for step in steps]
    assert len(set(codes)) == len(steps) and None not in codes
    assert step_code("exp") is None
