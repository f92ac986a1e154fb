"""Golden files: one compressed `.npz` without pickle per subject, its `index` the cases as JSON in UTF-8 bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .case import Arrays

DATA = Path(__file__).resolve().parent.parent / "data"
Entry = tuple[dict[str, Any], Arrays]


def pack(entries: list[Entry]) -> Arrays:
    """Arrays under `<case>/<key>`; two cases of one name are an error."""
    names = [line["name"] for line, _ in entries]
    if len(set(names)) < len(names):
        raise ValueError(f"expected different names, got {sorted(name for name in names if names.count(name) > 1)}")
    text = json.dumps([line for line, _ in entries], allow_nan=False, sort_keys=True)
    packed: Arrays = {"index": np.frombuffer(text.encode(), np.uint8)}
    for line, arrays in entries:
        packed |= {f"{line['name']}/{key}": value for key, value in arrays.items()}
    return packed


def write(subject: str, entries: list[Entry]) -> None:
    DATA.mkdir(exist_ok=True)
    np.savez_compressed(DATA / f"{subject}.npz", allow_pickle=False, **pack(entries))


def differences(subject: str, entries: list[Entry]) -> list[str]:
    """Where a fresh computation and the file disagree, beyond the rounding of different processors."""
    path = DATA / f"{subject}.npz"
    if not path.exists():
        return [f"{subject}: no file"]
    fresh = pack(entries)
    with np.load(path, allow_pickle=False) as file:
        kept = {key: file[key] for key in file.files}
    found = [f"{subject}/{key}: only on one side" for key in sorted(fresh.keys() ^ kept.keys())]
    for key in sorted((fresh.keys() & kept.keys()) - {"index"}):
        if fresh[key].shape != kept[key].shape or fresh[key].dtype != kept[key].dtype:
            found.append(
                f"{subject}/{key}: {kept[key].dtype}{kept[key].shape} became {fresh[key].dtype}{fresh[key].shape}"
            )
        elif not np.allclose(fresh[key], kept[key], rtol=1e-9, atol=1e-12):
            found.append(f"{subject}/{key}: values differ")
    return found
