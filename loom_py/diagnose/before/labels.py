"""Classes that are missing or rare, and equal inputs with different targets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from loom_py.diagnose.before.made import found, named
from loom_py.diagnose.before.rows import Rows
from loom_py.diagnose.before.run_data import RunData, Samples
from loom_py.diagnose.finding import Finding, Severity
from loom_py.shapes import AnyArray

MAJORITY = 0.95
RARE = 0.02
ENOUGH = 10
CONFLICTS = 0.01
DISTINCT = 0.5


def check_labels(run: RunData) -> Iterator[Finding]:
    """Classes without samples, imbalance, and conflicting targets."""
    if run.classes > 1:
        counts = _counts(run, run.training)
        yield from _missing(run, counts)
        if run.one_answer and np.count_nonzero(counts) > 1 and getattr(run.loss, "class_weights", None) is None:
            yield from _imbalance(run, counts)
    yield from _conflicts(run)


def _counts(run: RunData, samples: Samples) -> AnyArray:
    return np.bincount(run.labels(samples), minlength=run.classes)


def _missing(run: RunData, counts: AnyArray) -> Iterator[Finding]:
    """Vocabularies are rarely used up, and few samples can't have all classes: then it is no fault."""
    absent, answers = np.flatnonzero(counts == 0), int(counts.sum())
    if not answers:
        text = "No training target counts: all have the label that the loss ignores."
        yield found("missing_class", "error", text, ("another ignore_label",), missing=run.classes, classes=run.classes)
        return
    if answers > 1 and len(absent) == run.classes - 1:
        only = int(np.argmax(counts))
        text = f"All {answers} training targets are class {only}: there is nothing to tell apart."
        yield found("missing_class", "error", text, ("a check of how the targets are read",), only_class=only)
        return
    unseen = (
        np.flatnonzero((counts == 0) & (_counts(run, run.held_out) > 0)) if run.held_out is not None else absent[:0]
    )
    if len(absent) == 0 or (len(unseen) == 0 and not run.one_answer):
        return
    expected = answers >= ENOUGH * run.classes
    severity: Severity = "warning" if expected or len(unseen) else "info"
    text = f"{len(absent)} of {run.classes} classes have no training sample (class {named(absent)})"
    text += f"; validation has class {named(unseen)}." if len(unseen) else ": the network learns never to answer them."
    advice = (
        "a check of the labels: do they start at 0?",
        "as many outputs as there are classes",
        "a stratified split",
    )
    yield found(
        "missing_class", severity, text, advice,
        missing=len(absent), classes=run.classes, which=named(absent), in_validation=len(unseen),
    )  # fmt: skip


def _imbalance(run: RunData, counts: AnyArray) -> Iterator[Finding]:
    present = counts[counts > 0]
    total, most, least = int(counts.sum()), int(counts.max()), int(present.min())
    if most / total < MAJORITY and least / most > RARE:
        return
    shares = present / total
    entropy = float(-(shares * np.log(shares)).sum())
    text = (
        f"Class {np.argmax(counts)} has {most} of {total} samples, the rarest {least}: always answering it is right in "
    )
    text += f"{most / total:.1%} of cases and has a loss of {entropy:.3g}."
    weights = ("class_weights of the loss",) if run.loss.classes else ()
    advice = (*weights, "more samples of the rare classes", "per-class accuracy as the measure")
    yield found(
        "class_imbalance", "warning", text, advice,
        majority=most / total, largest=most, smallest=least, baseline_loss=entropy, threshold=MAJORITY,
    )  # fmt: skip


def _conflicts(run: RunData) -> Iterator[Finding]:
    """Equal inputs with different targets: a fault where most inputs are distinct; few kinds of input repeat anyway."""
    samples = run.training
    if samples.rows.distinct or samples.rows.groups.count == 1:
        return
    groups = samples.rows.groups
    bad = groups.conflicting(Rows(samples.target))
    conflicting = int(bad.sum())
    if not conflicting:
        return
    share, distinct = conflicting / len(samples), groups.count / len(samples)
    wrong = share >= CONFLICTS and distinct >= DISTINCT and not run.network.takes_ids
    evidence: dict[str, float | int | str] = {
        "samples": conflicting, "share": share, "distinct_inputs": groups.count, "threshold": CONFLICTS,
    }  # fmt: skip
    text = f"{conflicting} samples ({share:.1%}) have the same input as another one with a different target"
    if run.classes > 1 and run.one_answer and len(labels := run.labels(samples)) == len(samples):
        evidence["best_accuracy"] = best = _best_accuracy(groups.of, labels, run.classes)
        text += f"; no network can be right in more than {best:.1%} of cases"
    advice = ("a check that each target belongs to its input", "inputs that tell these samples apart")
    yield found("conflicting_targets", "warning" if wrong else "info", f"{text}.", advice, **evidence)


def _best_accuracy(groups: AnyArray, labels: AnyArray, classes: int) -> float:
    """Accuracy of answering the commonest label of each group of equal inputs."""
    pairs, counts = np.unique(groups * classes + labels, return_counts=True)
    starts = np.flatnonzero(np.diff(pairs // classes, prepend=-1))
    most = np.maximum.reduceat(counts, starts)
    return float(most.sum() / len(labels))
