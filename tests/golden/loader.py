"""Reads golden files: needs NumPy alone, so that the tests run wherever the package does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parent / "data"
NOT_LAYERS = ("losses", "optimizers", "schedules", "text", "torch_files")
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Golden:
    """One case: its line of the index and its arrays.

    Inputs are float32 (or integers); what PyTorch answered is float64.
    """

    subject: str
    line: dict[str, Any]
    arrays: Arrays

    @property
    def id(self) -> str:
        return f"{self.subject}/{self.line['name']}"

    def group(self, prefix: str) -> Arrays:
        """The arrays under `prefix/`, by the rest of their names."""
        start = f"{prefix}/"
        return {key.removeprefix(start): value for key, value in self.arrays.items() if key.startswith(start)}

    @property
    def answers(self) -> Arrays:
        """What a layer must reproduce: output, gradients, renewed buffers."""
        wanted = ("output", "input_gradient", "gradients/", "buffers_after/")
        return {k: v for k, v in self.arrays.items() if k != "output_gradient" and k.startswith(wanted)}


@cache
def load(subject: str) -> tuple[Golden, ...]:
    """Every case of one file."""
    with np.load(DATA / f"{subject}.npz", allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    lines = json.loads(arrays.pop("index").tobytes())
    cases = []
    for line in lines:
        start = f"{line['name']}/"
        own = {key.removeprefix(start): value for key, value in arrays.items() if key.startswith(start)}
        cases.append(Golden(subject, line, own))
    return tuple(cases)


def layer_types() -> tuple[str, ...]:
    """The layer types that have a file."""
    return tuple(sorted(path.stem for path in DATA.glob("*.npz") if path.stem not in NOT_LAYERS))


def layer_cases() -> list[Golden]:
    return [case for subject in layer_types() for case in load(subject)]


def scales(arrays: Arrays) -> dict[str, float]:
    """What an error in each array is measured against: its largest magnitude.

    An array that is zero but for rounding (the gradient of a bias that cancels) is measured against the largest of all.
    """
    largest = {key: float(np.abs(value).max(initial=0.0)) for key, value in arrays.items()}
    whole = max(largest.values(), default=0.0) or 1.0
    return {key: value if value > 1e-9 * whole else whole for key, value in largest.items()}


def relative_errors(got: Arrays, wanted: Arrays) -> dict[str, float]:
    """Largest error of each array relative to its scale; a missing array or another shape is infinitely wrong."""
    scale = scales(wanted)
    errors = {}
    for key, value in wanted.items():
        if key not in got or got[key].shape != value.shape:
            errors[key] = np.inf
        else:
            error = np.abs(np.asarray(got[key], np.float64) - value).max(initial=0.0) / scale[key]
            errors[key] = float(error) if np.isfinite(error) else np.inf
    return errors
