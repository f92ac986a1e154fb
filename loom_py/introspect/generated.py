"""The files generated from a description: paths, texts and freshness."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loom_py.introspect.reference import reference
from loom_py.introspect.schema import events_schema, network_schema, training_schema
from loom_py.introspect.typescript import typegen

DECLARATIONS = "web/generated/loom.d.ts"
REFERENCE = "docs/reference.md"
LAYER_NAMES = "loom_py/layer_names.py"
STATISTICS = "web/generated/statistics.ts"


def generated_files(description: Mapping[str, Any]) -> dict[str, str]:
    """Text of every generated file by its path in the repository."""
    return {
        DECLARATIONS: typegen(description),
        "web/generated/network.schema.json": as_text(network_schema(description)),
        "web/generated/training.schema.json": as_text(training_schema(description)),
        "web/generated/events.schema.json": as_text(events_schema(description)),
        REFERENCE: reference(description),
    }


def as_text(data: Mapping[str, Any]) -> str:
    """Strict JSON, one value per line so that diffs are readable."""
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write(path: Path, text: str) -> bool:
    """Write a file unless it has that text already; returns whether it was written."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def difference(path: Path, text: str, *, lines: int = 20) -> str:
    """First lines of the diff between a file and its expected text; empty if it is fresh."""
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    changes = list(
        difflib.unified_diff(present.splitlines(), text.splitlines(), str(path), "generated now", lineterm="", n=1)
    )
    more = [f"… and {len(changes) - lines} more lines"] if len(changes) > lines else []
    return "\n".join(changes[:lines] + more)
