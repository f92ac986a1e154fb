"""Settings and fixtures of all Python tests, on CPython and inside Pyodide alike."""

import gc
import sys

import pytest
from hypothesis import HealthCheck, settings

IN_PYODIDE = sys.platform == "emscripten"

# The same examples on every run and every host; WebAssembly is slower, so it draws fewer.
settings.register_profile(
    "loom",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=20 if IN_PYODIDE else 50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("loom")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what runs on a GPU: `gpu` is in the name of its file, its function or its executor."""
    if "gpu" in item.nodeid.lower() and "no_gpu" not in item.nodeid:
        item.add_marker("gpu")


def pytest_collection_finish() -> None:
    """Leave the tests themselves, some 100,000 objects, out of every later garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU, whatever this one has."""
    from loom_py.errors import UnavailableError
    from loom_py.executors.webgpu import find

    def refuse() -> None:
        raise UnavailableError("there is none in this test")

    monkeypatch.setattr(find, "find_executor", refuse)
    monkeypatch.setattr(find, "gpu_unavailable_reason", lambda: "there is none in this test")
