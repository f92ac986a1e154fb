"""Names in three spellings: Python's snake_case, JavaScript's camelCase, and the PascalCase of the guide.

Acronyms are upper case (`getMethodsJSON`, `HTTPObserver`), except at the start of camelCase (`httpObserver`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ACRONYMS = ("CPU", "GPU", "JSON", "HTTP", "OTLP")
_ACRONYM_WORDS = frozenset(word.lower() for word in ACRONYMS)
# An acronym is one word unless lower-case letters follow: "toCPU" contains CPU, "CPUs" does not.
_WORD = re.compile(rf"(?:{'|'.join(ACRONYMS)})(?![a-z0-9])|[A-Z][a-z0-9]*|[a-z0-9]+")


def pascal(name: str) -> str:
    """PascalCase of a snake_case name: `forward_gpu` → `ForwardGPU`."""
    return "".join(word.upper() if word in _ACRONYM_WORDS else word[:1].upper() + word[1:] for word in name.split("_"))


def camel(name: str) -> str:
    """camelCase of a snake_case name: `get_methods_json` → `getMethodsJSON`, `http_observer` → `httpObserver`."""
    first, _, rest = name.partition("_")
    return first + pascal(rest)


def snake(name: str) -> str:
    """snake_case of a camelCase or PascalCase name: the inverse of `camel` and `pascal`.

    Words must begin with a letter; capitals in a row that are not a known acronym are one-letter words.
    """
    return "_".join(word.lower() for part in name.split("_") for word in _WORD.findall(part))


def spellings(name: str) -> tuple[str, str, str]:
    """The three spellings of a method: `forward_gpu`, `forwardGPU`, `ForwardGPU`."""
    return name, camel(name), pascal(name)


def resolve(name: str, known: Iterable[str]) -> str | None:
    """The known snake_case name of which `name` is a spelling; None if there is none."""
    return next((candidate for candidate in known if name in spellings(candidate)), None)
