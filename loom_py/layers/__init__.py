"""Layers: one declaration each, from which everything else is derived."""

from loom_py.layers.activations import Activation as Activation
from loom_py.layers.dense import Dense as Dense
from loom_py.layers.layer import REGISTRY as REGISTRY
from loom_py.layers.layer import Layer as Layer
from loom_py.layers.layer import Parameter as Parameter
from loom_py.layers.layer import from_config as from_config
from loom_py.layers.layer import layer as layer
from loom_py.layers.norm import LayerNorm as LayerNorm
from loom_py.layers.run import Params as Params
from loom_py.layers.run import Run as Run
from loom_py.layers.simple import Dropout as Dropout
from loom_py.layers.simple import Flatten as Flatten
from loom_py.layers.simple import Identity as Identity
from loom_py.layers.softmax import Softmax as Softmax
