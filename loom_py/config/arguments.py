"""Arguments of functions, checked against their annotations before the function runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar, get_type_hints

from loom_py.config.fields import check_value
from loom_py.config.options import revive

P = ParamSpec("P")
R = TypeVar("R")


def checked(constructor: Callable[P, R]) -> Callable[P, R]:
    """A constructor whose arguments are checked first; raises ConfigError naming class and argument."""

    @wraps(constructor)
    def check(*args: P.args, **kwargs: P.kwargs) -> R:
        signature, hints = _declared(constructor)
        bound = signature.bind(*args, **kwargs)
        itself, *names = bound.arguments
        for name in names:
            value = bound.arguments[name] = revive(bound.arguments[name], hints.get(name))
            check_value(f"{type(bound.arguments[itself]).__name__}.{name}", value, hints.get(name))
        return constructor(*bound.args, **bound.kwargs)

    return check


@cache
def _declared(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    return inspect.signature(function), get_type_hints(function, include_extras=True)
