"""Parser of Google-style docstrings, and of the string literals below fields and aliases."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from dataclasses import dataclass, field
from functools import cache

_SECTION = re.compile(
    r"^(Args|Arguments|Attributes|Returns|Yields|Raises|Example|Examples|Note|Notes|Source|Sources):\s*$"
)
_ENTRY = re.compile(r"^\*{0,2}([\w.]+(?:\s*,\s*[\w.]+)*)\s*(?:\([^)]*\))?:\s*(.*)$")

# "    ShapeError: it does not fit. DataError: it is not finite." names two errors on one line.
_ANOTHER_ERROR = re.compile(r"(?<=\.)\s+(\w+Error:)")


@dataclass(frozen=True, slots=True)
class Docstring:
    """A parsed docstring."""

    text: str = ""
    """Summary and description, without sections."""
    parameters: dict[str, str] = field(default_factory=dict)
    """Texts of `Args:` by name."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Texts of `Attributes:` by name."""
    returns: str = ""
    """Text of `Returns:` or `Yields:`."""
    raises: dict[str, str] = field(default_factory=dict)
    """Texts of `Raises:` by error name."""
    example: str = ""
    """Text of `Example:`."""


def parse(doc: str | None) -> Docstring:
    """Parse a docstring; unknown sections stay in the text."""
    text: list[str] = []
    sections: dict[str, list[str]] = {}
    body = text
    for line in inspect.cleandoc(doc or "").splitlines():
        heading = _SECTION.match(line)
        if heading and heading[1] in _KEPT_IN_TEXT:
            body = text
            body.append(line)
        elif heading:
            body = sections.setdefault(_CANONICAL.get(heading[1], heading[1]), [])
        elif line and not line[0].isspace() and body is not text:
            body = text
            body.append(line)
        else:
            body.append(line)
    return Docstring(
        text="\n".join(text).strip(),
        parameters=_entries(sections.get("Args", [])),
        attributes=_entries(sections.get("Attributes", [])),
        returns=_flow(sections.get("Returns", [])),
        raises=_entries(_one_error_a_line(sections.get("Raises", []))),
        example=textwrap.dedent("\n".join(sections.get("Example", []))).strip(),
    )


_KEPT_IN_TEXT = frozenset({"Note", "Notes", "Source", "Sources"})
_CANONICAL = {"Arguments": "Args", "Yields": "Returns", "Examples": "Example"}


def _one_error_a_line(lines: list[str]) -> list[str]:
    return _ANOTHER_ERROR.sub(r"\n\1", textwrap.dedent("\n".join(lines))).splitlines()


def _flow(lines: list[str]) -> str:
    """Join wrapped lines into one."""
    return " ".join(line.strip() for line in lines if line.strip())


def _entries(lines: list[str]) -> dict[str, str]:
    """Parse `name: text` entries; lines indented deeper continue the entry above."""
    found: dict[str, list[str]] = {}
    current: list[list[str]] = []
    outer = min((_indent(line) for line in lines if line.strip()), default=0)
    for line in lines:
        entry = _ENTRY.match(line.strip()) if _indent(line) == outer else None
        if entry:
            names = [name.strip() for name in entry[1].split(",")]
            current = [found.setdefault(name, []) for name in names]
            for texts in current:
                texts.append(entry[2])
        else:
            for texts in current:
                texts.append(line)
    return {name: _flow(texts) for name, texts in found.items()}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


@cache
def module_attribute_docs(module: str) -> dict[str, str] | None:
    """String literals below a module's assignments: `{"Phase": …, "LayerStats.step": …}`; None without source.

    Python discards them at run time, so they are read from the source.
    """
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError):
        return None
    found: dict[str, str] = {}
    _collect(tree.body, "", found)
    return found


def _collect(body: list[ast.stmt], prefix: str, found: dict[str, str]) -> None:
    for statement, following in zip(body, [*body[1:], None], strict=False):
        if isinstance(statement, ast.ClassDef):
            _collect(statement.body, f"{prefix}{statement.name}.", found)
        name = _assigned_name(statement)
        text = _bare_string(following)
        if name and text:
            found[prefix + name] = inspect.cleandoc(text)


def _bare_string(statement: ast.stmt | None) -> str | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return statement.value.value if isinstance(statement.value.value, str) else None
    return None


def _assigned_name(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        return target.id if isinstance(target, ast.Name) else None
    return None
