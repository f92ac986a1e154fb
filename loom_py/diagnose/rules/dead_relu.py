"""ReLU units that never fire."""

from __future__ import annotations

from collections.abc import Iterator

from loom_py.diagnose.alarm import Alarm
from loom_py.diagnose.finding import Finding
from loom_py.diagnose.passes import Pass
from loom_py.diagnose.rules.base import Rule
from loom_py.telemetry.events import LayerStats

ENTER = 0.5
LEAVE = 0.4
SMALLEST_BATCH = 8


class DeadRelu(Rule):
    """At least half of a ReLU layer's units are 0 for every sample of the batch, in 3 passes in a row.

    A unit is dead if it is 0 for the whole batch; the share of zeros alone proves nothing, since half of a fresh ReLU
    layer's outputs are 0 without any dead unit. Half of the units is the default of SageMaker Debugger's rule DeadRelu.
    Batches of fewer than 8 samples are ignored: a healthy unit is 0 for all of 8 samples once in 256 times. The alarm
    ends at a share of 0.4. False positives: units that are meant to fire for rare samples only, as in a large sparse
    layer.
    """

    name = "dead_relu"
    follows = ("update_ratio", "exploding", "loss_mismatch", "unscaled_inputs")

    def start(self) -> None:
        """Start with no dead layer."""
        self._alarm = Alarm(ENTER, LEAVE, self.patience)

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Examine the ReLU layers of a forward pass."""
        if run.phase != "forward":
            return
        for stats in run.leaves():
            units = self.structure.units(stats)
            if not self._is_relu(stats) or stats.dead_units is None or not units:
                continue
            share = stats.dead_units / units
            if stats.output_shape[0] >= SMALLEST_BATCH and self._alarm.update(stats.path, share):
                yield Finding(
                    self.name,
                    stats.path,
                    run.step,
                    "error" if share == 1 else "warning",
                    {"dead_units": stats.dead_units, "units": units, "share": share, "threshold": ENTER},
                    f"{stats.dead_units} of {units} units output 0 for every sample of the batch; "
                    "no gradient passes through such units.",
                    ("LeakyReLU instead of ReLU", "a lower learning rate", "He initialisation with biases of 0"),
                )

    def _is_relu(self, stats: LayerStats) -> bool:
        info = self.structure.info(stats)
        # Without a blueprint, layers with weights are assumed to be ReLU if they output exact zeros; layers without
        # weights may only pass on zeros of the data.
        return info.activation == "relu" if info else stats.weight_norm > 0
