"""Options and the depth scale of neural tweening."""

import math

import pytest

from loom_py import ConfigError
from loom_py.tween import TweenConfig


@pytest.mark.parametrize(
    ("depth", "scale"),
    [
        (0, 1.0),
        (1, 1.2),
        (2, 1.44),
        (10, 1.2**10),
        (11, 1.2 ** (10 + math.log(2))),
        (20, 1.2 ** (10 + math.log(11))),
    ],
)
def test_depth_scale_grows_geometrically_then_slower(depth: int, scale: float) -> None:
    assert TweenConfig().scale(depth) == pytest.approx(scale, rel=1e-12)


def test_depth_scale_ends_at_100() -> None:
    assert TweenConfig().scale(10**6) < 100
    assert TweenConfig(depth_scale=2.0).scale(10) == 100
    assert TweenConfig(depth_scale=0.5).scale(2) == 0.25


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"mode": "legacy"}, "'chain' or 'target'"),
        ({"momentum": 1.0}, "below 1"),
        ({"depth_scale": -1.2}, "depth_scale"),
        ({"nudge": 0}, "nudge"),
        ({"least_budget": 1}, "least_budget"),
        ({"explosion_detection": 1}, "True or False"),
    ],
)
def test_options_are_checked(option: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TweenConfig(**option)  # type: ignore[arg-type]
