"""What every Python test shares, on CPython and inside Pyodide alike."""

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Inside Pyodide, tests that need a host's threads, sockets or subprocesses say that they are left out."""
    if IN_PYODIDE:
        for item in items:
            if item.get_closest_marker("cpython"):
                item.add_marker(pytest.mark.skip(reason="needs a host: threads, sockets or subprocesses"))
