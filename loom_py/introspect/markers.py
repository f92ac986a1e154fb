"""Markers on methods and classes, read by introspection: conditional, internal, long-running, discriminated."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from loom_py.errors import UnavailableError

P = ParamSpec("P")
R = TypeVar("R")
Self = TypeVar("Self")
M = TypeVar("M")
C = TypeVar("C", bound=type)
_CHECK = "__available_when__"
STARTER = "__runs_in_steps__"
"""Attribute of long-running methods: name of the method that starts the same run in steps."""
DISCRIMINATOR = "__discriminated_by__"
"""Attribute of event classes: name of the discriminator field."""
INTERNAL = "__internal__"
"""Attribute of members that are not public although their names have no underscore."""


def available_when(
    check: Callable[[Any], str | None],
) -> Callable[[Callable[Concatenate[Self, P], R]], Callable[Concatenate[Self, P], R]]:
    """Make a method available only while `check(self)` returns None instead of the reason why not.

    An unavailable method stays listed as such; `has_method` is False for it, and calling it raises
    `UnavailableError` with the reason.
    """

    def decorate(method: Callable[Concatenate[Self, P], R]) -> Callable[Concatenate[Self, P], R]:
        @functools.wraps(method)
        def guarded(self: Self, *args: P.args, **kwargs: P.kwargs) -> R:
            reason = check(self)
            if reason is not None:
                raise UnavailableError(f"{type(self).__name__}.{method.__name__} is not available: {reason}")
            return method(self, *args, **kwargs)

        setattr(guarded, _CHECK, check)
        return cast("Callable[Concatenate[Self, P], R]", guarded)

    return decorate


def internal(member: M) -> M:
    """Leave a method or property that other parts of the package use, or a function for Python alone, out of listings.

    Args:
        member: a function, or a property (write this decorator above `@property`).
    """
    setattr(member.fget if isinstance(member, property) else member, INTERNAL, True)
    return member


def runs_in_steps(starter: str) -> Callable[[M], M]:
    """Mark a long-running method, so that a page can follow, pause and abort it.

    Args:
        starter: name of a method of the same object with the same parameters that returns the run in steps.
    """

    def decorate(method: M) -> M:
        setattr(method, STARTER, starter)
        return method

    return decorate


def discriminated_by(field: str) -> Callable[[C], C]:
    """Mark a data class as an event: a union of kinds, discriminated by one required field.

    Args:
        field: name of that field; its type is a Literal.
    """

    def decorate(cls: C) -> C:
        setattr(cls, DISCRIMINATOR, field)
        return cls

    return decorate


def unavailable_reason(owner: object, method_name: str) -> str | None:
    """Reason why the method can't be called now; None if it can."""
    check: Callable[[Any], str | None] | None = getattr(inspect.getattr_static(owner, method_name), _CHECK, None)
    return check(owner) if check else None


def starter_of(cls: type, method_name: str) -> str:
    """Name of the method that starts a long-running method's run in steps; empty for other methods."""
    return str(getattr(inspect.getattr_static(cls, method_name), STARTER, ""))


def is_conditional(cls: type, method_name: str) -> bool:
    """Whether the method's availability depends on object or machine."""
    return hasattr(inspect.getattr_static(cls, method_name), _CHECK)
