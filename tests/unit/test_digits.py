"""The demo's data is what its script makes of scikit-learn's digits, byte for byte."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "web" / "demo" / "public"

pytestmark = pytest.mark.cpython


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digits_script", ROOT / "build" / "digits.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_files_are_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    module = script()
    monkeypatch.setattr(module, "OUT", tmp_path)
    module.main()
    for name in ("digits.bin", "digits.json"):
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes(), f"{name}: run build/digits.py"


def test_no_image_is_in_both_parts() -> None:
    labels = np.repeat(np.arange(10), 30)
    training, held_out = script().split(labels)
    assert sorted([*training, *held_out]) == list(range(300))
    assert np.bincount(labels[held_out]).tolist() == [6] * 10


def test_the_note_beside_names_source_and_licence() -> None:
    about = json.loads((SHIPPED / "digits.json").read_text(encoding="utf-8"))
    assert "CC BY 4.0" in about["licence"]
    assert "UCI" in about["source"]
