"""The description made when the wheel was built, and the hash that guards it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("described.json")


def canonical(data: Mapping[str, Any]) -> str:
    """Canonical JSON of a description: sorted keys, no spaces, no NaN."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(data: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON without the key `content_hash`."""
    content = {key: value for key, value in data.items() if key != "content_hash"}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def load_described() -> dict[str, Any] | None:
    """The stored description; None if it is absent (a source tree has none) or damaged."""
    try:
        stored = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(stored, dict) and stored.get("content_hash") == content_hash(stored)
    return stored if fits else None
