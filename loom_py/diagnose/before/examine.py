"""All checks of a run's data and options."""

from __future__ import annotations

from collections.abc import Iterable

from loom_py.diagnose.before.batches import check_batches, check_rate
from loom_py.diagnose.before.inputs import check_inputs
from loom_py.diagnose.before.labels import check_labels
from loom_py.diagnose.before.run_data import RunData
from loom_py.diagnose.before.split import check_split
from loom_py.diagnose.before.targets import check_targets
from loom_py.diagnose.finding import SEVERITIES, Finding

CHECKS = (check_targets, check_labels, check_split, check_inputs, check_batches, check_rate)

SCALES = ("unscaled_inputs", "target_scale")
OF_SCALES = ("initial_loss", "learning_rate", "saturation", "dead_relu")
"""Rules whose findings follow from a wrong scale."""


def examine(run: RunData) -> list[Finding]:
    """Findings about the data and options; nothing is run."""
    return [finding for check in CHECKS for finding in check(run)]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Causes before their consequences, else the gravest first."""
    all_found = list(findings)
    scales = any(finding.rule in SCALES and finding.severity != "info" for finding in all_found)
    return sorted(all_found, key=lambda f: (scales and f.rule in OF_SCALES, SEVERITIES[f.severity]))
