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
    """At least half of a ReLU layer's units are 0 for every sample of the batch, 3 passes in a row.

    A *unit* over a whole batch counts, never the share of zeros: a fresh ReLU layer has half of its outputs at zero
    with no dead unit in it. Half of the units is the default of SageMaker Debugger's rule DeadRelu. Batches of fewer
    than 8 samples say nothing and are passed over: a healthy unit is zero for all of 8 samples once in 256 times. It
    ends at 0.4. It is wrong when units are meant to fire for rare samples only, as in a large sparse layer.
    """

    name = "dead_relu"

    def start(self) -> None:
        """All units may live."""
        self._alarm = Alarm(ENTER, LEAVE, self.patience)

    def on_pass(self, run: Pass) -> Iterator[Finding]:
        """Look at the ReLU layers of a forward pass."""
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
                    f"{stats.dead_units} of {units} units gave 0 for every sample of {self.patience} batches; "
                    "no gradient reaches them any more.",
                    ("LeakyReLU instead of ReLU", "a lower learning rate", "better initialisation, biases of 0"),
                )

    def _is_relu(self, stats: LayerStats) -> bool:
        info = self.structure.info(stats)
        # Without a blueprint exact zeros must do; layers without weights may only pass on zeros of the data.
        return info.activation == "relu" if info else stats.weight_norm == stats.weight_norm
