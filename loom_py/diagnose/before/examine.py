"""All checks of a run's data and options."""

from __future__ import annotations

from loom_py.diagnose.before.batches import check_batches
from loom_py.diagnose.before.inputs import check_inputs
from loom_py.diagnose.before.labels import check_labels
from loom_py.diagnose.before.run_data import RunData
from loom_py.diagnose.before.split import check_split
from loom_py.diagnose.before.targets import check_targets
from loom_py.diagnose.finding import Finding

CHECKS = (check_targets, check_labels, check_split, check_inputs, check_batches)


def examine(run: RunData) -> list[Finding]:
    """Findings about the data and options; nothing is run."""
    return [finding for check in CHECKS for finding in check(run)]
