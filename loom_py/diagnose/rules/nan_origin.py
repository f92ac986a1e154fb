"""Origin of NaN and infinity."""

from __future__ import annotations

import math
from collections.abc import Iterator

from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule
from loom_py.diagnose.structure import is_inside
from loom_py.telemetry.events import LayerStats, TrainingEvent
from loom_py.telemetry.statistics import measured

_SUGGESTIONS: tuple[str, ...] = (
    "a lower learning rate",
    "gradient clipping",
    "layer, RMS or batch norm before the layer",
    "better initialisation",
    "a check of the data for NaN, infinities and huge values",
)
_BROKEN_WEIGHTS = "weights that are not finite"
# Norms are float32: beyond 3.4e38 they are infinite, though each weight may be finite still.
_HUGE_WEIGHTS = "weights that are infinite, or so large that their norm is"


class NanOrigin(Rule):
    """The first layer, in order of execution, with outputs, gradients or weights that are not finite.

    The rule reads the counts of NaN and infinity and the norms, without a threshold, and reports once a run. Of nested
    layers the innermost is named. If not every step and layer is observed, the first of those that are is named;
    `coverage` in the evidence distinguishes the two cases. False positives: intended infinities, such as those of an
    output that is a mask.
    """

    name = "nan_origin"
    follows = ("exploding", "update_ratio", "poor_initialisation")

    def start(self) -> None:
        """Start without a finding."""
        self._found = False
        self._last_step: int | None = None
        self._skipped = False

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Search the pass for the first layer with values that are not finite."""
        if self._last_step is not None and run.step - self._last_step > 1:
            self._skipped = True
        self._last_step = run.step
        if self._found:
            return
        bad = {path: what for path, stats in run.records.items() if (what := _what_is_bad(stats))}
        origins = [path for path in bad if not any(is_inside(other, path) for other in bad)]
        if origins:
            self._found = True
            yield self._finding(run, run.records[origins[0]], bad[origins[0]])

    def on_event(self, event: TrainingEvent) -> Iterator[Finding]:
        """Report a loss that is not finite although all observed layers are, or an anomaly that the network located."""
        bad_loss = event.type in ("batch_end", "anomaly") and event.loss is not None and not math.isfinite(event.loss)
        if self._found or not (bad_loss or event.type == "anomaly"):
            return
        self._found = True
        evidence: dict[str, float | int | str] = {"phase": "loss", "coverage": "located by the network"}
        if event.loss is not None:
            evidence["loss"] = event.loss
        what = event.text or f"The loss is {event.loss}, although all values of the observed layers are finite"
        suggestions = _SUGGESTIONS
        if event.path is None:
            suggestions = ("cross_entropy on logits instead of a Softmax layer", *_SUGGESTIONS)
        else:
            evidence["phase"] = "backward" if "backward" in what else "forward"
        yield Finding(self.name, event.path, event.step, "error", evidence, _sentence(what), suggestions)

    def _finding(self, run: Pass, stats: LayerStats, what: str) -> Finding:
        before = _executed_before(run, stats)
        complete = not self._skipped and self.structure.known
        evidence: dict[str, float | int | str] = {
            "phase": run.phase,
            "what": what,
            "nan_count": stats.nan_count,
            "inf_count": stats.inf_count,
            "input_from": before.path if before else "the network's input" if run.phase == "forward" else "the loss",
            "input_nan_count": before.nan_count if before else 0,
            "input_inf_count": before.inf_count if before else 0,
            "coverage": "complete" if complete else "first among the observed",
        }
        text = f"{stats.layer_type} is the first with {what} in the {run.phase} pass."
        if what in (_BROKEN_WEIGHTS, _HUGE_WEIGHTS):
            text += " They were broken by the update before this step."
        elif before is None and run.phase == "forward":
            text += " Its input is the data: check that first."
        elif before is not None:
            text += f" Its {'input' if run.phase == 'forward' else 'gradient'} from layer {before.path} is finite."
        return Finding(self.name, stats.path, run.step, "error", evidence, text, _SUGGESTIONS)


def _what_is_bad(stats: LayerStats) -> str | None:
    """Description of the values of a record that are not finite; None if all are finite."""
    weights = (stats.weight_norm, stats.bias_norm)
    if stats.phase == "forward" and any(measured(norm) and not math.isfinite(norm) for norm in weights):
        broken = any(math.isnan(norm) and measured(norm) for norm in weights) or stats.nan_count or stats.inf_count
        return _BROKEN_WEIGHTS if broken else _HUGE_WEIGHTS
    if stats.nan_count or stats.inf_count:
        counts = ((stats.nan_count, "NaN"), (stats.inf_count, "infinite values"))
        where = "outputs" if stats.phase == "forward" else "output's gradient"
        return " and ".join(f"{count} {word}" for count, word in counts if count) + f" in its {where}"
    if measured(stats.gradient_norm) and not math.isfinite(stats.gradient_norm):
        return "weight gradients that are not finite"
    if measured(stats.input_gradient_norm) and not math.isfinite(stats.input_gradient_norm):
        return "an input gradient that is not finite"
    return None


def _executed_before(run: Pass, stats: LayerStats) -> LayerStats | None:
    """The observed innermost layer that ran before."""
    ran: list[LayerStats] = []
    for leaf in run.leaves():
        if leaf.path == stats.path or is_inside(leaf.path, stats.path):
            break
        ran.append(leaf)
    return ran[-1] if ran else None


def _sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."
