"""No test is left out because of its folder's name."""

from fnmatch import fnmatch
from pathlib import Path

import pytest


def test_pytest_enters_every_folder_with_tests(pytestconfig: pytest.Config) -> None:
    folders = {file.parent for file in Path(__file__).parents[1].rglob("test_*.py")}
    skipped = pytestconfig.getini("norecursedirs")
    assert len(folders) > 3
    assert [folder for folder in folders if any(fnmatch(folder.name, pattern) for pattern in skipped)] == []
