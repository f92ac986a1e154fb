"""The run's mask as factors of values: 1 for entries, 0 for padding."""

from __future__ import annotations

from typing import Any

from loom_py import ops
from loom_py.layers.run import Run


def real_entries(x: Any, run: Run) -> Any:
    """The mask (B, N) as factors (B, N, 1, …) of x (B, N, …); None where there is none or N is another extent."""
    if run.mask is None or len(x.shape) < 3 or tuple(x.shape[:2]) != tuple(run.mask.shape):
        return None
    return ops.reshape(run.mask, shape=(*x.shape[:2], *(1 for _ in x.shape[2:])))
