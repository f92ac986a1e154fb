"""An observable neural network for the browser: see inside it while it trains.

Start with `Network`; observers watch it, and `describe()` lists everything there is.
"""

# Imported at once: a package of its name would take its place if it came later.
from loom_py.diagnose.diagnosis import diagnose as diagnose
from loom_py.layer_names import LAYERS
from loom_py.lazy import lazily, names_in

# The one list of public names, by the module that defines them; layers are public by being defined. After a change
# `npm run typegen` writes what type checkers read, __init__.pyi.
_HOMES = {
    "diagnose.baseline": "compare_to_baseline",
    "diagnose.finding": "Finding",
    "diagnose.observer": "DiagnosticObserver",
    "errors": (
        "CancelledError ConfigError DataError FileFormatError LoomError NotPublicError ShapeError StateError "
        "UnavailableError"
    ),
    "diagnose.remedies": "Remedy",
    "healing": "Healing heal",
    "evaluate.deviation": "DeviationMetrics",
    "evaluate.samples": "WorstSample",
    "introspect.description": "describe",
    "introspect.introspectable": "Introspectable",
    "introspect.methods": "MethodInfo ParameterInfo",
    "introspect.typescript": "typegen",
    "layers.layer": "Layer",
    "losses": (
        "MAE MSE BinaryCrossEntropy CrossEntropy Huber LossGradient binary_cross_entropy_loss_grad "
        "cross_entropy_loss_grad huber_loss_grad mae_loss_grad mse_loss_grad"
    ),
    "model": "Network load_loom_bundle load_model",
    "network.blueprint": "Blueprint LayerBlueprint",
    "network.manual": "BackwardResult ForwardResult",
    "network.report": "LayerTelemetry Telemetry",
    "observers.canvas": "CanvasObserver",
    "observers.channel": "ChannelObserver",
    "observers.records.compare": "compare",
    "observers.console": "ConsoleObserver",
    "observers.http": "HTTPObserver",
    "observers.otlp": "OTLPObserver",
    "observers.recording": "RecordingObserver",
    "observers.tensorboard": "TensorBoardObserver",
    "optimizers": "SGD Adam AdamW Lion ParameterGroup RMSProp",
    "runtime.tasks": "awaited",
    "schedules": "Constant Cosine Exponential Linear Polynomial Step WarmUp",
    "telemetry.events": "LayerStats ParameterStats TrainingEvent TweenStep TweenView",
    "telemetry.observer": "Observer",
    "train.check": "check",
    "train.config": "Batch EarlyStopping TrainingConfig TrainingResult",
    "train.evaluation": "Score",
    "train.trainer": "Trainer",
    "tween.config": "TweenConfig",
    "tween.explosion": "ExplosionGuard",
    "tween.trainer": "TweenTrainer",
    "watch.watch": "watch_torch",
} | {f"layers.{home}": names for home, names in LAYERS.items()}

__getattr__, __dir__ = lazily(__name__, _HOMES)
__all__ = sorted(["diagnose", *names_in(_HOMES)])
