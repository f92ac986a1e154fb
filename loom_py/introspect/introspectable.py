"""The mixin that lets an object say what it can do, and the decorator that makes a method come and go."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from loom_py.errors import NotPublicError, UnavailableError
from loom_py.introspect.names import resolve

if TYPE_CHECKING:
    from loom_py.introspect.methods import MethodInfo

P = ParamSpec("P")
R = TypeVar("R")
Self = TypeVar("Self")
M = TypeVar("M")
_CHECK = "__available_when__"
INTERNAL = "__internal__"
"""Marks members that are no part of the public interface, for all that their names say."""


def available_when(
    check: Callable[[Any], str | None],
) -> Callable[[Callable[Concatenate[Self, P], R]], Callable[Concatenate[Self, P], R]]:
    """Make a method available only while `check(self)` returns None; a text is the reason why it is not.

    The method stays listed, marked as not available; `has_method` is False for it, and calling it raises
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
    """Keep a method or property out of the public listing, for members that other parts of the package use.

    Args:
        member: the function, or the property (then stands above `@property`).
    """
    setattr(member.fget if isinstance(member, property) else member, INTERNAL, True)
    return member


class Introspectable:
    """Mixin: the object lists its public methods, with types, docs and whether they can be called now.

    Wherever a method is named by a text, Python's, JavaScript's and the guide's spellings mean the same method:
    `"forward_gpu"`, `"forwardGPU"`, `"ForwardGPU"`.
    """

    __slots__ = ()

    def get_methods(self) -> list[MethodInfo]:
        """All public methods in the order of their definition, with their availability now."""
        return [self._now(info) for info in _methods_of(self).values()]

    def has_method(self, name: str) -> bool:
        """Whether a public method of that name exists and is available now.

        Args:
            name: the method's name in any of the three spellings.
        """
        known = _methods_of(self)
        found = resolve(name, known)
        return found is not None and self._now(known[found]).available

    def get_method_signature(self, name: str) -> str:
        """The signature of a method as text, such as `train(batches: Iterable[Batch]) -> TrainingResult`.

        Args:
            name: the method's name in any of the three spellings.

        Raises:
            NotPublicError: there is no public method of that name.
        """
        known = _methods_of(self)
        found = resolve(name, known)
        if found is None:
            raise NotPublicError.expected(
                f"{type(self).__name__} method", expected=f"one of {', '.join(known)}", got=repr(name)
            )
        return known[found].signature

    def get_methods_json(self) -> str:
        """All public methods as a JSON array; strict JSON, lists are never null."""
        return json.dumps([info.to_dict() for info in self.get_methods()], ensure_ascii=False, allow_nan=False)

    def _now(self, info: MethodInfo) -> MethodInfo:
        reason = unavailable_reason(self, info.method_name)
        return info if reason is None else replace(info, available=False, unavailable_reason=reason)


def _methods_of(owner: object) -> dict[str, MethodInfo]:
    # Imported by the first question: everybody inherits from this module, and few ask.
    from loom_py.introspect.members import methods_of

    return methods_of(type(owner))


def unavailable_reason(owner: object, method_name: str) -> str | None:
    """Why the method can't be called now; None if it can."""
    check: Callable[[Any], str | None] | None = getattr(inspect.getattr_static(owner, method_name), _CHECK, None)
    return check(owner) if check else None


def is_conditional(cls: type, method_name: str) -> bool:
    """Whether the method's availability depends on the object and the machine."""
    return hasattr(inspect.getattr_static(cls, method_name), _CHECK)
