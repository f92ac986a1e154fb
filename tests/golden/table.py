"""`python -m tests.golden.table` writes docs/layers.md from the layers' declarations and the errors measured now."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from loom_py.layers import REGISTRY, from_config
from tests.golden import ours, pending
from tests.golden.loader import Golden, layer_types, load, relative_errors

PAGE = Path(__file__).resolve().parents[2] / "docs" / "layers.md"
HEAD = """# Layers and how near they are to PyTorch

Made by `python -m tests.golden.table` from the layers' own declarations and from the golden values in
`tests/golden/data`, which PyTorch computed in float64. An error is the largest deviation of an output, an input
gradient, a parameter gradient or a renewed buffer, relative to the largest magnitude of that array, over all the
layer's cases. *float32* is a network on the NumPy executor, *PyTorch float32* is PyTorch's own run of the same cases,
*float64* is the layer's formula run in double precision.

Axis letters: B batch, T time, C channels, H heads, D head width, I inputs, O outputs, N anything.
"""
COLUMNS = ("layer", "parameters", "formula and source", "in PyTorch", "cases", "float32", "PyTorch float32", "float64")


def paragraphs(kind: str) -> list[str]:
    """The docstring's paragraphs, each on one line."""
    text = (REGISTRY[kind].__doc__ or "").strip()
    return [re.sub(r"\s+", " ", part).strip() for part in text.split("\n\n")]


def describe(kind: str) -> str:
    """First sentence and formula, and the paragraph on shapes if there is one."""
    first, *rest = paragraphs(kind)
    shapes = [part for part in rest if part.startswith("Shapes:")]
    return "<br>".join([first, *shapes]).replace("|", "\\|")


def parameters(case: Golden) -> str:
    layer = from_config(case.line["layer"])
    own = (f"`{p.name}`" if p.trained else f"`{p.name}` (buffer)" for p in layer.parameters())
    return ", ".join(own) or ("its children's" if any(True for _ in layer.children()) else "none")


def largest(errors: Iterable[dict[str, float]]) -> float:
    return max((max(found.values()) for found in errors), default=0.0)


def declared(kind: str) -> tuple[str, ...]:
    """The cells that no measurement changes."""
    cases = done(kind)
    source = cases[0].line["source"].replace("|", "\\|")
    return kind, parameters(cases[0]), describe(kind), source, f"{len(cases)}"


def done(kind: str) -> list[Golden]:
    return [case for case in load(kind) if not pending.is_pending(case)]


def row(kind: str) -> tuple[str, ...]:
    cases = done(kind)
    single = largest(relative_errors(ours.executed(case), case.answers) for case in cases)
    double = largest(relative_errors(ours.eager(case, np.float64), case.answers) for case in cases)
    theirs = max(case.line["torch_float32_error"] for case in cases)
    return *declared(kind), f"{single:.1e}", f"{theirs:.1e}", f"{double:.1e}"


def kinds() -> list[str]:
    return [kind for kind in layer_types() if kind in REGISTRY]


def page() -> str:
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *(row(kind) for kind in kinds())]
    lines = [HEAD, *(f"| {' | '.join(cells)} |" for cells in rows)]
    late = sorted(pending.LAYERS)
    if late:
        lines += ["", f"Golden values wait for: {', '.join(late)}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    sys.exit(0)
