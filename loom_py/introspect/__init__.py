"""Introspection: objects list their methods, and the package describes its public interface for other languages."""

from typing import TYPE_CHECKING

from loom_py.lazy import lazily

if TYPE_CHECKING:
    from loom_py.introspect.description import describe
    from loom_py.introspect.introspectable import Introspectable
    from loom_py.introspect.markers import available_when, discriminated_by, internal, runs_in_steps
    from loom_py.introspect.methods import MethodInfo, ParameterInfo
    from loom_py.introspect.names import camel, pascal, snake
    from loom_py.introspect.typescript import typegen
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "description": "describe",
            "introspectable": "Introspectable",
            "markers": "available_when discriminated_by internal runs_in_steps",
            "methods": "MethodInfo ParameterInfo",
            "names": "camel pascal snake",
            "typescript": "typegen",
        },
    )

__all__ = [
    "Introspectable",
    "MethodInfo",
    "ParameterInfo",
    "available_when",
    "camel",
    "describe",
    "discriminated_by",
    "internal",
    "pascal",
    "runs_in_steps",
    "snake",
    "typegen",
]
