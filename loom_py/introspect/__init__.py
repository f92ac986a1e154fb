"""Introspection: objects say what they can do, and the package describes itself for every language."""

from loom_py.introspect.description import describe
from loom_py.introspect.introspectable import Introspectable, available_when, internal
from loom_py.introspect.methods import MethodInfo, ParameterInfo
from loom_py.introspect.names import camel, pascal, snake
from loom_py.introspect.typescript import typegen

__all__ = [
    "Introspectable",
    "MethodInfo",
    "ParameterInfo",
    "available_when",
    "camel",
    "describe",
    "internal",
    "pascal",
    "snake",
    "typegen",
]
