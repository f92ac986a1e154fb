"""TSDoc comments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Record = Mapping[str, Any]


def comment(text: str, tags: Iterable[str] = (), indent: str = "") -> str:
    """A TSDoc comment with tags, ending in a newline; empty without text and tags."""
    safe = [part.replace("*/", "*\\/") for part in (text.strip(), "\n".join(tags)) if part]
    lines = [line.rstrip() for line in "\n\n".join(safe).splitlines()]
    if not lines:
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    body = "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n"


def field_comment(field: Record, indent: str = "  ") -> str:
    """Comment of a field or option: doc, range and default."""
    tags = []
    if (limits := limits_text(field)) and limits not in field["doc"]:
        tags.append(f"@remarks Allowed: {limits}.")
    if not field["required"]:
        tags.append(f"@defaultValue `{json.dumps(field['default'], ensure_ascii=False)}`")
    return comment(field["doc"], tags, indent)


def method_comment(method: Record, parameters: Iterable[Record], options: str, indent: str = "  ") -> str:
    """Comment of a method: doc, parameters, result and errors."""
    tags = [f"@param {p['name']} - {p['doc']}" for p in parameters if p["doc"]]
    if options:
        tags.append(f"@param options - {options}")
    if method["returns_doc"]:
        tags.append(f"@returns {method['returns_doc']}")
    tags += [f"@throws {{@link {item['error']}}} {item['doc']}" for item in method["raises"]]
    return comment(method["doc"], tags, indent)


def limits_text(field: Record) -> str:
    """The allowed range, such as "≥ 1, < 10"; empty if there is none."""
    signs = {"minimum": "≥", "maximum": "≤", "exclusive_maximum": "<"}
    return ", ".join(f"{sign} {field[key]}" for key, sign in signs.items() if key in field)
