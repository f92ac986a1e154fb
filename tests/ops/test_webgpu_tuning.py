"""Variants of matrix products that are measured: the same products, remembered, and the rule when nothing helps."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from loom_py import ops
from loom_py.executors.webgpu import WebGPUExecutor, tuning
from loom_py.executors.webgpu.find import find_executor
from loom_py.executors.webgpu.lower.matmul_variants import Product, choose
from loom_py.executors.webgpu.native import NativeHost, native_host
from loom_py.executors.webgpu.tuning import Tuner, cache_path
from tests.ops import machines, suite
from tests.ops.case import Call

pytestmark = [
    pytest.mark.cpython,
    pytest.mark.skipif(machines.webgpu() is None, reason="no Vulkan driver, not even Chromium's"),
]
RNG = np.random.default_rng(1)


@cache
def host() -> NativeHost:
    """One device for all, which compiles each variant once."""
    return native_host()


def executor(path: Path | None) -> WebGPUExecutor:
    return WebGPUExecutor(host(), lambda device, heap: Tuner(device, heap, path, least_work=1).choose)


def product(machine: WebGPUExecutor, m: int, n: int, k: int) -> None:
    a, b = RNG.standard_normal((m, k)), RNG.standard_normal((k, n))
    (got,) = suite.executed(ops.matmul, Call((a, b)), machine).outputs
    assert suite.distance(got, (a @ b).astype(np.float32)) < 2e-5


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "REPEATS", 2)


def test_what_is_measured_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cache" / "card.json"
    product(executor(path), 33, 70, 40)
    kept = json.loads(path.read_text())
    assert list(kept) == ["33x70x40 batch 1 along 100"]
    monkeypatch.setattr(Tuner, "_measure", lambda *_: pytest.fail("measured again"))
    product(executor(path), 33, 70, 40)


def test_the_kept_variant_is_the_one_that_runs(tmp_path: Path) -> None:
    path, shape = tmp_path / "card.json", Product(33, 70, 40)
    path.write_text(json.dumps({str(shape): "large/4"}))
    tuner = Tuner(find_executor().host, find_executor().heap, path, least_work=1)
    chosen = tuner.choose(shape, lambda *_: pytest.fail("it is known"))
    assert (chosen.kernel, chosen.shares) == ("matmul_large", 4)
    product(executor(path), 33, 70, 40)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"33x70x40 batch 1 along 100": "gone/3"}'])
def test_a_damaged_file_does_no_harm(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(text)
    product(executor(path), 33, 70, 40)


def test_a_folder_that_nobody_may_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    product(executor(tmp_path / "file" / "card.json"), 33, 70, 40)


def test_small_products_and_vectors_go_by_the_rule() -> None:
    tuner = Tuner(find_executor().host, find_executor().heap)
    for shape in (Product(64, 64, 64), Product(1, 4096, 1 << 16)):
        assert tuner.choose(shape, lambda *_: pytest.fail("measured")) == choose(shape)


def test_a_spent_budget_leaves_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "BUDGET_S", 0.0)
    tuner = Tuner(find_executor().host, find_executor().heap, least_work=1)
    assert tuner.choose(Product(64, 64, 64), lambda *_: pytest.fail("measured")) == choose(Product(64, 64, 64))


def test_file_names_are_plain() -> None:
    assert cache_path("NVIDIA H100 (80/GB):*").name == "matmul NVIDIA H100 80 GB.json"
