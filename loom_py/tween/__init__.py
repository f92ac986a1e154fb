"""Neural tweening: training by targets for every layer instead of a chain of loss gradients."""

from loom_py.tween.config import TweenConfig as TweenConfig
from loom_py.tween.explosion import ExplosionGuard as ExplosionGuard
from loom_py.tween.loop import TweenLoop as TweenLoop
from loom_py.tween.trainer import TweenTrainer as TweenTrainer
