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
    "diagnose.finding": "Finding",
    "diagnose.observer": "DiagnosticObserver",
    "errors": (
        "CancelledError ConfigError DataError FileFormatError LoomError NotPublicError ShapeError StateError "
        "UnavailableError"
    ),
    "evaluate.deviation": "DeviationMetrics",
    "evaluate.samples": "WorstSample",
    "events": "LayerStats Observer ParameterStats TrainingEvent TweenStep TweenView",
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
    "network.running": "BackwardResult ForwardResult",
    "network.telemetry": "LayerTelemetry Telemetry",
    "observers.canvas": "CanvasObserver",
    "observers.channel": "ChannelObserver",
    "observers.comparison": "compare",
    "observers.console": "ConsoleObserver",
    "observers.http": "HTTPObserver",
    "observers.otlp": "OTLPObserver",
    "observers.recording": "RecordingObserver",
    "observers.tensorboard": "TensorBoardObserver",
    "optimizers": "SGD Adam AdamW Lion ParameterGroup RMSProp",
    "runtime.tasks": "awaited",
    "schedules": "Constant Cosine Exponential Linear Polynomial Step WarmUp",
    "train.config": "Batch EarlyStopping TrainingConfig TrainingResult",
    "train.evaluation": "Score",
    "train.trainer": "Trainer",
    "tween.config": "TweenConfig",
    "tween.explosion": "ExplosionGuard",
    "tween.trainer": "TweenTrainer",
} | {f"layers.{home}": names for home, names in LAYERS.items()}

if TYPE_CHECKING:
    from loom_py.diagnose import DiagnosticObserver, Finding
    from loom_py.errors import (
        CancelledError,
        ConfigError,
        DataError,
        FileFormatError,
        LoomError,
        NotPublicError,
        ShapeError,
        StateError,
        UnavailableError,
    )
    from loom_py.evaluate import DeviationMetrics, WorstSample
    from loom_py.introspect import Introspectable, MethodInfo, ParameterInfo, describe, typegen
    from loom_py.layers import (
        GRU,
        LSTM,
        RNN,
        Activation,
        AvgPool1D,
        AvgPool2D,
        BatchNorm,
        Conv1D,
        Conv2D,
        Dense,
        Dropout,
        Embedding,
        Flatten,
        GroupNorm,
        Identity,
        Layer,
        LayerNorm,
        MaxPool1D,
        MaxPool2D,
        MultiHeadAttention,
        Parallel,
        PositionalEmbedding,
        Residual,
        RMSNorm,
        Sequential,
        Softmax,
        SwiGLU,
    )
    from loom_py.losses import (
        MAE,
        MSE,
        BinaryCrossEntropy,
        CrossEntropy,
        Huber,
        LossGradient,
        binary_cross_entropy_loss_grad,
        cross_entropy_loss_grad,
        huber_loss_grad,
        mae_loss_grad,
        mse_loss_grad,
    )
    from loom_py.model import Network, load_loom_bundle, load_model
    from loom_py.network.blueprint import Blueprint, LayerBlueprint
    from loom_py.network.manual import BackwardResult, ForwardResult
    from loom_py.network.report import LayerTelemetry, Telemetry
    from loom_py.observers import (
        CanvasObserver,
        ChannelObserver,
        ConsoleObserver,
        HTTPObserver,
        OTLPObserver,
        RecordingObserver,
        TensorBoardObserver,
        compare,
    )
    from loom_py.optimizers import SGD, Adam, AdamW, Lion, ParameterGroup, RMSProp
    from loom_py.runtime.tasks import awaited
    from loom_py.schedules import Constant, Cosine, Exponential, Linear, Polynomial, Step, WarmUp
    from loom_py.telemetry.events import LayerStats, ParameterStats, TrainingEvent, TweenStep, TweenView
    from loom_py.telemetry.observer import Observer
    from loom_py.train.config import Batch, EarlyStopping, TrainingConfig, TrainingResult
    from loom_py.train.evaluation import Score
    from loom_py.train.trainer import Trainer
    from loom_py.tween import ExplosionGuard, TweenConfig, TweenTrainer
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "diagnose": "DiagnosticObserver Finding",
            "errors": (
                "CancelledError ConfigError DataError FileFormatError LoomError NotPublicError ShapeError "
                "StateError UnavailableError"
            ),
            "evaluate": "DeviationMetrics WorstSample",
            "telemetry.events": "LayerStats ParameterStats TrainingEvent TweenStep TweenView",
            "telemetry.observer": "Observer",
            "introspect": "Introspectable MethodInfo ParameterInfo describe typegen",
            "layers": (
                "GRU LSTM RNN Activation AvgPool1D AvgPool2D BatchNorm Conv1D Conv2D Dense Dropout Embedding "
                "Flatten GroupNorm Identity Layer LayerNorm MaxPool1D MaxPool2D MultiHeadAttention Parallel "
                "PositionalEmbedding Residual RMSNorm Sequential Softmax SwiGLU"
            ),
            "losses": (
                "MAE MSE BinaryCrossEntropy CrossEntropy Huber LossGradient binary_cross_entropy_loss_grad "
                "cross_entropy_loss_grad huber_loss_grad mae_loss_grad mse_loss_grad"
            ),
            "model": "Network load_loom_bundle load_model",
            "network.blueprint": "Blueprint LayerBlueprint",
            "network.manual": "BackwardResult ForwardResult",
            "network.report": "LayerTelemetry Telemetry",
            "observers": (
                "CanvasObserver ChannelObserver ConsoleObserver HTTPObserver OTLPObserver RecordingObserver "
                "TensorBoardObserver compare"
            ),
            "optimizers": "SGD Adam AdamW Lion ParameterGroup RMSProp",
            "runtime.tasks": "awaited",
            "schedules": "Constant Cosine Exponential Linear Polynomial Step WarmUp",
            "train.config": "Batch EarlyStopping TrainingConfig TrainingResult",
            "train.evaluation": "Score",
            "train.trainer": "Trainer",
            "tween": "ExplosionGuard TweenConfig TweenTrainer",
        },
    )

__all__ = [
    "GRU",
    "LSTM",
    "MAE",
    "MSE",
    "RNN",
    "SGD",
    "Activation",
    "Adam",
    "AdamW",
    "AvgPool1D",
    "AvgPool2D",
    "BackwardResult",
    "Batch",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Blueprint",
    "CancelledError",
    "CanvasObserver",
    "ChannelObserver",
    "ConfigError",
    "ConsoleObserver",
    "Constant",
    "Conv1D",
    "Conv2D",
    "Cosine",
    "CrossEntropy",
    "DataError",
    "Dense",
    "DeviationMetrics",
    "DiagnosticObserver",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "ExplosionGuard",
    "Exponential",
    "FileFormatError",
    "Finding",
    "Flatten",
    "ForwardResult",
    "GroupNorm",
    "HTTPObserver",
    "Huber",
    "Identity",
    "Introspectable",
    "Layer",
    "LayerBlueprint",
    "LayerNorm",
    "LayerStats",
    "LayerTelemetry",
    "Linear",
    "Lion",
    "LoomError",
    "LossGradient",
    "MaxPool1D",
    "MaxPool2D",
    "MethodInfo",
    "MultiHeadAttention",
    "Network",
    "NotPublicError",
    "OTLPObserver",
    "Observer",
    "Parallel",
    "ParameterGroup",
    "ParameterInfo",
    "ParameterStats",
    "Polynomial",
    "PositionalEmbedding",
    "RMSNorm",
    "RMSProp",
    "RecordingObserver",
    "Residual",
    "Score",
    "Sequential",
    "ShapeError",
    "Softmax",
    "StateError",
    "Step",
    "SwiGLU",
    "Telemetry",
    "TensorBoardObserver",
    "Trainer",
    "TrainingConfig",
    "TrainingEvent",
    "TrainingResult",
    "TweenConfig",
    "TweenStep",
    "TweenTrainer",
    "TweenView",
    "UnavailableError",
    "WarmUp",
    "WorstSample",
    "awaited",
    "binary_cross_entropy_loss_grad",
    "compare",
    "cross_entropy_loss_grad",
    "describe",
    "diagnose",
    "huber_loss_grad",
    "load_loom_bundle",
    "load_model",
    "mae_loss_grad",
    "mse_loss_grad",
    "typegen",
]
