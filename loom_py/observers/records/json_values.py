"""Statistics and records as data that strict JSON can carry.

A float is rounded to 9 significant digits, which carry a float32 exactly; what was not measured is null.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from loom_py.strict_json import decode_float, encode_float
from loom_py.telemetry.statistics import NOT_MEASURED

_DIGITS = 9


def encode_statistic(value: float | None) -> float | str | None:
    """A statistic as JSON can carry it; None for what was not measured."""
    if value is None or value is NOT_MEASURED:
        return None
    return encode_float(float(value), _DIGITS)


def decode_statistic(value: object) -> float:
    """The statistic that `encode_statistic` wrote; raises FileFormatError for anything else."""
    return NOT_MEASURED if value is None else decode_float(value, "statistic")


def plain_data(value: object) -> Any:
    """Dataclasses, mappings, sequences and NumPy values as dicts, lists and scalars that JSON can carry."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | np.floating):
        return encode_statistic(value)  # type: ignore[arg-type]
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if isinstance(value, np.ndarray):
        return plain_data(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_data(item) for item in value]
    return str(value)
