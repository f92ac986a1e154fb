"""`Introspectable`: a mixin whose objects list their public methods."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from loom_py.errors import NotPublicError
from loom_py.introspect.markers import unavailable_reason
from loom_py.introspect.names import resolve

if TYPE_CHECKING:
    from loom_py.introspect.methods import MethodInfo


class Introspectable:
    """Mixin: the object lists its public methods with types, docs and current availability.

    Where a method is named by a string, the spellings of Python, JavaScript and the guide are equivalent:
    `"forward_gpu"`, `"forwardGPU"`, `"ForwardGPU"`.
    """

    __slots__ = ()

    def get_methods(self) -> list[MethodInfo]:
        """All public methods in order of definition, with their current availability."""
        return [self._now(info) for info in _methods_of(self).values()]

    def has_method(self, name: str) -> bool:
        """Whether a public method of that name exists and is currently available.

        Args:
            name: the method's name in any of the three spellings.
        """
        known = _methods_of(self)
        found = resolve(name, known)
        return found is not None and self._now(known[found]).available

    def get_method_signature(self, name: str) -> str:
        """Signature of a method as text, such as `train(batches: Iterable[Batch]) -> TrainingResult`.

        Args:
            name: the method's name in any of the three spellings.

        Raises:
            NotPublicError: no public method has that name.
        """
        known = _methods_of(self)
        found = resolve(name, known)
        if found is None:
            raise NotPublicError.expected(
                f"{type(self).__name__} method", expected=f"one of {', '.join(known)}", got=repr(name)
            )
        return known[found].signature

    def get_methods_json(self) -> str:
        """All public methods as a JSON array: strict JSON, lists never null."""
        return json.dumps([info.to_dict() for info in self.get_methods()], ensure_ascii=False, allow_nan=False)

    def _now(self, info: MethodInfo) -> MethodInfo:
        reason = unavailable_reason(self, info.method_name)
        return info if reason is None else replace(info, available=False, unavailable_reason=reason)


def _methods_of(owner: object) -> dict[str, MethodInfo]:
    # Imported on first use: every class inherits from this module, and few programs ask.
    from loom_py.introspect.members import methods_of

    return methods_of(type(owner))
