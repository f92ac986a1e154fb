"""Links, paths and ranks in the documentation are those of the repository."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "tests/*.md", "tests/data/*.md", ".github/*.md")
    for page in ROOT.glob(pattern)
)
NOT_IN_GIT = {"release", "dist", ".venv", ".venv-peers", "node_modules", ".cache", "test-results"}
NO_PATHS = {
    "nn/serialization.go",  # a file of another repository
    "digits/0.weight",  # an array in a model file
    "train/loss",  # scalars in a TensorBoard file
    "tween/loss",
    "tween_link_budget/0",
}

pytestmark = pytest.mark.cpython


def _prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _dead_links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if re.match(r"[a-z]+:", target) or (file.exists() and (not anchor or anchor in _anchors(file))):
            continue
        yield target


def _dead_paths(page: Path) -> Iterator[str]:
    """Paths in backticks, from the repository's root, the package, `web/` or the page's folder."""
    for path in re.findall(r"`([\w.*-]+/[\w.*/-]*)`", _prose(page)):
        bases = (ROOT, ROOT / "loom_py", ROOT / "web", page.parent)
        known = path in NO_PATHS or path.split("/")[0] in NOT_IN_GIT
        if not known and not any(any(base.glob(path.rstrip("/"))) for base in bases):
            yield path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_exist(page: Path) -> None:
    assert [*_dead_links(page), *_dead_paths(page)] == []


def test_the_ranks_shown_are_those_of_the_import_contract() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    shown = re.search(r"^## Ranks$.*?^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert shown is not None
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contract if c["containers"] == ["loom_py"])
    # What follows two spaces and more after the packages explains the rank.
    ranks = [set(re.findall(r"\w+", re.split(r" {3,}", line)[0])) for line in shown[1].splitlines()]
    assert ranks == [set(re.findall(r"\w+", layer)) for layer in layers if layer != "(__main__)"]
