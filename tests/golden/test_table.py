"""docs/layers.md says what the layers declare; its figures may differ by rounding and are not compared."""

from __future__ import annotations

import pytest

from tests.golden import table


@pytest.mark.cpython  # the page is not part of what is mounted inside Pyodide
@pytest.mark.parametrize("kind", table.kinds())
def test_page_is_fresh(kind: str) -> None:
    start = f"| {' | '.join(table.declared(kind))} | "
    lines = table.PAGE.read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(start) for line in lines), f"{kind}: run `python -m tests.golden.table`"
