"""What has golden values already and is not built yet. The tests hold this list to the truth; it is to become empty."""

from __future__ import annotations

import pytest

from tests.golden.loader import Golden

LAYERS: frozenset[str] = frozenset()
"""Layer types that are not registered."""

CASES: frozenset[str] = frozenset()
"""Beginnings of the ids of cases that a registered layer can't do yet."""


def is_pending(case: Golden) -> bool:
    return case.id.startswith(tuple(CASES))


def parameter(case: Golden) -> object:
    """The case as a pytest parameter; one that is pending must fail, so that nobody forgets to take it off the list."""
    marks = [pytest.mark.xfail(strict=True, reason="not built yet")] if is_pending(case) else []
    return pytest.param(case, id=case.id, marks=marks)
