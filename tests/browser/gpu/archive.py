"""Packs the Python tests, and pytest, for a worker in a page:  python archive.py FILE PYTEST_FOLDER"""

import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

ROOT = Path(__file__).resolve().parents[3]
TESTS = ("tests/conftest.py", "tests/vulkan.py", "tests/ops", "tests/unit", "pyproject.toml")


def main(target: Path, pytest: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for base, start in [(ROOT, ROOT / name) for name in TESTS] + [(pytest, pytest)]:
            for path in [start] if start.is_file() else sorted(start.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    archive.write(path, path.relative_to(base))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
