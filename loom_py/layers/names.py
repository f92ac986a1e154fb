"""Names of the layers, by module. Written by `npm run typegen`, which finds every `@layer`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loom_py.layers.activations import Activation as Activation
    from loom_py.layers.attention import MultiHeadAttention as MultiHeadAttention
    from loom_py.layers.batch_norm import BatchNorm as BatchNorm
    from loom_py.layers.conv import Conv1D as Conv1D
    from loom_py.layers.conv import Conv2D as Conv2D
    from loom_py.layers.dense import Dense as Dense
    from loom_py.layers.embedding import Embedding as Embedding
    from loom_py.layers.embedding import PositionalEmbedding as PositionalEmbedding
    from loom_py.layers.group_norm import GroupNorm as GroupNorm
    from loom_py.layers.gru import GRU as GRU
    from loom_py.layers.lstm import LSTM as LSTM
    from loom_py.layers.norm import LayerNorm as LayerNorm
    from loom_py.layers.parallel import Parallel as Parallel
    from loom_py.layers.pool import AvgPool1D as AvgPool1D
    from loom_py.layers.pool import AvgPool2D as AvgPool2D
    from loom_py.layers.pool import MaxPool1D as MaxPool1D
    from loom_py.layers.pool import MaxPool2D as MaxPool2D
    from loom_py.layers.residual import Residual as Residual
    from loom_py.layers.rms_norm import RMSNorm as RMSNorm
    from loom_py.layers.rnn import RNN as RNN
    from loom_py.layers.sequential import Sequential as Sequential
    from loom_py.layers.simple import Dropout as Dropout
    from loom_py.layers.simple import Flatten as Flatten
    from loom_py.layers.simple import Identity as Identity
    from loom_py.layers.softmax import Softmax as Softmax
    from loom_py.layers.swiglu import SwiGLU as SwiGLU

LAYERS = {
    "activations": "Activation",
    "attention": "MultiHeadAttention",
    "batch_norm": "BatchNorm",
    "conv": "Conv1D Conv2D",
    "dense": "Dense",
    "embedding": "Embedding PositionalEmbedding",
    "group_norm": "GroupNorm",
    "gru": "GRU",
    "lstm": "LSTM",
    "norm": "LayerNorm",
    "parallel": "Parallel",
    "pool": "AvgPool1D AvgPool2D MaxPool1D MaxPool2D",
    "residual": "Residual",
    "rms_norm": "RMSNorm",
    "rnn": "RNN",
    "sequential": "Sequential",
    "simple": "Dropout Flatten Identity",
    "softmax": "Softmax",
    "swiglu": "SwiGLU",
}
"""Module → names of its layers."""
