"""What `docs/tweening.md` shows is what happens."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "tweening.md"


@pytest.mark.cpython
def test_the_example_prints_what_the_page_says() -> None:
    code, printed = re.findall(r"```(?:python|text)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, str(PAGE), "exec"), {})
    assert out.getvalue() == printed


@pytest.mark.cpython
def test_every_table_is_filled() -> None:
    text = PAGE.read_text(encoding="utf-8")
    tables = dict(re.findall(r"<!-- measured: (\w+) -->\n(.*?)<!-- end -->", text, re.DOTALL))
    assert {name: len(table.splitlines()) for name, table in tables.items()} == {
        "views": 2 + 2 * (3 + 8),
        "backpropagation": 2 + 8 * 4,
        "times": 2 + 4,
        "guard": 2 + 5,
        "floor": 2 + 6,
    }
