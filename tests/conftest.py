"""What every Python test shares, on CPython and inside Pyodide alike."""

import sys

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
