"""Names in three spellings: Python's snake_case, JavaScript's camelCase, and the PascalCase of the guide.

Acronyms keep their capitals in the middle of a name (`getMethodsJSON`); at its start camelCase wants them small
(`httpObserver`), PascalCase wants them large (`HTTPObserver`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ACRONYMS = ("CPU", "GPU", "JSON", "HTTP", "OTLP")
_ACRONYM_WORDS = frozenset(word.lower() for word in ACRONYMS)
# An acronym is a word unless small letters go on after it: "CPUs" is one C and "Pus", "toCPU" has CPU.
_WORD = re.compile(rf"(?:{'|'.join(ACRONYMS)})(?![a-z0-9])|[A-Z][a-z0-9]*|[a-z0-9]+")


def pascal(name: str) -> str:
    """PascalCase of a snake_case name: `forward_gpu` → `ForwardGPU`."""
    return "".join(word.upper() if word in _ACRONYM_WORDS else word[:1].upper() + word[1:] for word in name.split("_"))


def camel(name: str) -> str:
    """camelCase of a snake_case name: `get_methods_json` → `getMethodsJSON`, `http_observer` → `httpObserver`."""
    first, _, rest = name.partition("_")
    return first + pascal(rest)


def snake(name: str) -> str:
    """snake_case of a camelCase or PascalCase name; the inverse of `camel` and `pascal`.

    Words must begin with a letter, and capitals in a row that are no known acronym are words of one letter.
    """
    return "_".join(word.lower() for part in name.split("_") for word in _WORD.findall(part))


def spellings(name: str) -> tuple[str, str, str]:
    """The spellings under which a method is found: `forward_gpu`, `forwardGPU`, `ForwardGPU`."""
    return name, camel(name), pascal(name)


def resolve(name: str, known: Iterable[str]) -> str | None:
    """The known snake_case name that `name` spells in any of the three ways; None if there is none."""
    return next((candidate for candidate in known if name in spellings(candidate)), None)
