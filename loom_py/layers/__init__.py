"""Layers: one declaration each, from which everything else is derived."""

from loom_py.layer_names import LAYERS
from loom_py.layers.layer import REGISTRY as REGISTRY
from loom_py.layers.layer import Layer as Layer
from loom_py.layers.layer import Parameter as Parameter
from loom_py.layers.layer import from_config as from_config
from loom_py.layers.layer import layer as layer
from loom_py.layers.run import Params as Params
from loom_py.layers.run import Run as Run
from loom_py.lazy import lazily

__getattr__, __dir__ = lazily(__name__, LAYERS)
