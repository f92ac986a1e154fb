"""The rules of the diagnosis, one file for each."""

from loom_py.diagnose.rules.base import Rule
from loom_py.diagnose.rules.dead_relu import DeadRelu
from loom_py.diagnose.rules.exploding import Exploding
from loom_py.diagnose.rules.initialisation import PoorInitialisation
from loom_py.diagnose.rules.loss import LossNotDecreasing
from loom_py.diagnose.rules.nan_origin import NanOrigin
from loom_py.diagnose.rules.overfitting import Overfitting
from loom_py.diagnose.rules.saturation import Saturation
from loom_py.diagnose.rules.update_ratio import UpdateRatio
from loom_py.diagnose.rules.vanishing import Vanishing

RULES: tuple[type[Rule], ...] = (
    NanOrigin,
    Exploding,
    Vanishing,
    DeadRelu,
    Saturation,
    UpdateRatio,
    PoorInitialisation,
    LossNotDecreasing,
    Overfitting,
)

__all__ = ["RULES", "Rule"]
