"""An observable neural network for the browser: see inside it while it trains.

`Network` is where to start; observers watch it, `describe()` says what everything can do.
"""

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
from loom_py.events import LayerStats, Observer, TrainingEvent
from loom_py.introspect import Introspectable, MethodInfo, ParameterInfo
from loom_py.layers import Activation, Dense, Dropout, Flatten, Identity, Layer, LayerNorm, Softmax
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
from loom_py.model import Network
from loom_py.network.blueprint import Blueprint, LayerBlueprint
from loom_py.network.running import BackwardResult, ForwardResult
from loom_py.network.telemetry import LayerTelemetry, Telemetry
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
from loom_py.optimizers import SGD, Adam, AdamW, Lion, RMSProp
from loom_py.schedules import Constant, Cosine, Exponential, Linear, Polynomial, Step, WarmUp
from loom_py.train.config import Batch, EarlyStopping, TrainingConfig, TrainingResult
from loom_py.train.evaluation import Score
from loom_py.train.trainer import Trainer

__all__ = [
    "MAE",
    "MSE",
    "SGD",
    "Activation",
    "Adam",
    "AdamW",
    "BackwardResult",
    "Batch",
    "BinaryCrossEntropy",
    "Blueprint",
    "CancelledError",
    "CanvasObserver",
    "ChannelObserver",
    "ConfigError",
    "ConsoleObserver",
    "Constant",
    "Cosine",
    "CrossEntropy",
    "DataError",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Exponential",
    "FileFormatError",
    "Flatten",
    "ForwardResult",
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
    "MethodInfo",
    "Network",
    "NotPublicError",
    "OTLPObserver",
    "Observer",
    "ParameterInfo",
    "Polynomial",
    "RMSProp",
    "RecordingObserver",
    "Score",
    "ShapeError",
    "Softmax",
    "StateError",
    "Step",
    "Telemetry",
    "TensorBoardObserver",
    "Trainer",
    "TrainingConfig",
    "TrainingEvent",
    "TrainingResult",
    "UnavailableError",
    "WarmUp",
    "binary_cross_entropy_loss_grad",
    "compare",
    "cross_entropy_loss_grad",
    "huber_loss_grad",
    "mae_loss_grad",
    "mse_loss_grad",
]
