"""Batch sizes that do not suit the data or a layer, and a learning rate of 0."""

from __future__ import annotations

from collections.abc import Iterator

from loom_py.diagnose.before.made import found
from loom_py.diagnose.before.run_data import RunData
from loom_py.diagnose.finding import Finding, Severity

USUAL = 32


def check_rate(run: RunData) -> Iterator[Finding]:
    """A learning rate of 0."""
    if run.highest_rate == 0:
        text = "The learning rate is 0 in every step: nothing will change."
        advice = ("a learning rate above 0", "a schedule with factors above 0")
        yield found("learning_rate", "error", text, advice, learning_rate=0.0)


def check_batches(run: RunData) -> Iterator[Finding]:
    """Batches larger than the data, and batches of which BatchNorm has no statistics."""
    samples, size = len(run.training), min(run.batch_size, len(run.training))
    if run.batch_size > max(samples, USUAL):
        text = f"A batch has room for {run.batch_size} samples, but there are {samples}: each epoch is one step."
        advice = (f"a batch size below {samples}", "more epochs")
        yield found("batch_size", "info", text, advice, batch_size=run.batch_size, samples=samples)
    if run.network.batch_norm is not None and run.network.batch_norm_values == 1:
        yield from _batches_of_one(run, run.network.batch_norm, size)


def _batches_of_one(run: RunData, layer: str, size: int) -> Iterator[Finding]:
    part = min(run.part_size or size, size)
    samples = len(run.training)
    if part > 1 and 1 not in (size % part, samples % size % part):
        return
    if part == 1:
        text = "Its statistics are those of batches of 1 sample, which have no variance: it never learns them."
        yield _finding(layer, "warning", text, ("a larger batch size", "LayerNorm"), batch_size=part, samples=samples)
        return
    text = "The last batch, or part of a batch, has 1 sample: running statistics normalise it, unlike all others."
    advice = ("a batch size that leaves no rest of 1", "one sample less")
    yield _finding(layer, "info", text, advice, batch_size=part, samples=samples, rest=1)


def _finding(
    layer: str, severity: Severity, text: str, advice: tuple[str, ...], **evidence: float | int | str
) -> Finding:
    return Finding("batch_size", layer, None, severity, evidence, text, advice)
