"""Samples that are in both training and validation data."""

from __future__ import annotations

from collections.abc import Iterator

from loom_py.diagnose.before.labels import DISTINCT
from loom_py.diagnose.before.made import found
from loom_py.diagnose.before.run_data import RunData
from loom_py.diagnose.finding import Finding

SHARED = 0.05
FEW = 16


def check_split(run: RunData) -> Iterator[Finding]:
    """Validation inputs that training has too; few kinds of input repeat anyway, and are no fault."""
    if run.held_out is None:
        return
    training, held_out = run.training, run.held_out
    shared = int(held_out.rows.found_in(training.rows).sum())
    if not shared:
        return
    share, distinct = shared / len(held_out), training.rows.groups.count / len(training)
    leaks = share >= SHARED and distinct >= DISTINCT and len(training) >= FEW and not run.network.takes_ids
    text = f"{shared} of {len(held_out)} validation inputs ({share:.1%}) are training inputs too: "
    text += "the validation loss says little about new data."
    advice = ("duplicates removed before the split", "a split by source, so that copies stay on one side")
    yield found(
        "shared_samples", "warning" if leaks else "info", text, advice,
        shared=shared, validation_samples=len(held_out), share=share, threshold=SHARED,
    )  # fmt: skip
