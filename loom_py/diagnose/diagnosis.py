"""diagnose: faults of a recorded run, or of a network in its current state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from loom_py.errors import ConfigError
from loom_py.telemetry.events import LayerStats
from loom_py.telemetry.recording import Recording
from loom_py.telemetry.statistics import NOT_MEASURED

if TYPE_CHECKING:
    from loom_py.diagnose.finding import Finding


@runtime_checkable
class Measurable(Protocol):
    """A network whose state can be measured."""

    def get_telemetry(self) -> Any:
        """Current statistics of the layers."""

    def get_blueprint(self) -> Any:
        """Structure of the network."""


def diagnose(subject: Recording | Measurable) -> list[Finding]:
    """Find faults of a run or a network, causes first, each followed by its consequences.

    A recording is examined step by step, as during training. A network is examined in its current state, which is one
    pass: rules about the loss find nothing, and one bad pass is enough for rules that else need several in a row.

    Args:
        subject: a recording or a network.

    Raises:
        ConfigError: the subject is neither.
    """
    if isinstance(subject, Recording):
        return _diagnose_recording(subject)
    if isinstance(subject, Measurable):
        return _diagnose_state(subject)
    raise ConfigError.expected("diagnose", expected="a recording or a network", got=type(subject).__name__)


def _diagnose_recording(recording: Recording) -> list[Finding]:
    # Imported on first use: `import loom_py` imports this module, and the rules need not load with it.
    from loom_py.diagnose.monitor import Monitor
    from loom_py.diagnose.ranking import causes_first

    header = getattr(recording, "header", None)
    monitor = Monitor(getattr(header, "blueprint", None))
    found: list[Finding] = []
    for record in recording.get_records():
        found += monitor.on_stats(record) if isinstance(record, LayerStats) else monitor.on_event(record)
    return causes_first(found + monitor.end())


def _diagnose_state(network: Measurable) -> list[Finding]:
    """Findings of the current state; a trained network has no initial weights to examine."""
    from loom_py.diagnose.monitor import Monitor
    from loom_py.diagnose.ranking import causes_first
    from loom_py.diagnose.rules import RULES

    records = list(_state_of(network))
    trained = any(stats.update_ratio > 0 for stats in records)
    rules = [rule for rule in RULES if not (trained and rule.of_start)]
    monitor = Monitor(network.get_blueprint(), snapshot=True, rules=rules)
    found = [finding for stats in records for finding in monitor.on_stats(stats)]
    return causes_first(found + monitor.end())


def _state_of(network: Measurable) -> Iterator[LayerStats]:
    """A network's telemetry as records of one forward and one backward pass."""
    layers = network.get_telemetry().layer_stats
    shapes = {layer.path: layer for layer in _flat(network.get_blueprint().layers)}
    for phase in ("forward", "backward"):
        for layer in layers if phase == "forward" else reversed(layers):
            built = shapes[layer.path]
            record = LayerStats(
                layer_index=layer.index,
                layer_type=layer.type,
                row=built.row,
                col=built.col,
                layer=built.layer,
                path=layer.path,
                phase="forward" if phase == "forward" else "backward",
                input_shape=(1, *built.input_shape),
                output_shape=(1, *built.output_shape),
            )
            if phase == "forward":
                record.weight_norm = layer.weight_norm
                record.output_min, record.output_max = layer.activation_min, layer.activation_max
                record.output_mean, record.output_std = layer.activation_mean, layer.activation_std
                record.zero_fraction = layer.zero_fraction
                record.nan_count, record.inf_count = layer.nan_count, layer.inf_count
            else:
                record.gradient_norm = layer.gradient_norm if built.num_params else NOT_MEASURED
                record.update_ratio = layer.update_ratio
            yield record


def _flat(layers: Any) -> Iterator[Any]:
    for layer in layers:
        yield layer
        yield from _flat(layer.children)
