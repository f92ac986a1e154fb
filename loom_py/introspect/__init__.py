"""Introspection: objects list their methods, and the package describes its public interface for other languages."""

from loom_py.lazy import lazily, names_in

_HOMES = {
    "description": "describe",
    "introspectable": "Introspectable",
    "markers": "available_when discriminated_by internal runs_in_steps",
    "methods": "MethodInfo ParameterInfo",
    "names": "camel pascal snake",
    "typescript": "typegen",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
__all__ = sorted(names_in(_HOMES))
