"""Downloads the NumPy wheel of a Pyodide release, and refuses a file with another hash.

The release's own pyodide-lock.json names the file and its SHA-256. It is on Pyodide's CDN; where the CDN can't be
reached, the same file is taken out of a package on PyPI that carries it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

CDN = "https://cdn.jsdelivr.net/pyodide/v{version}/full/{file}"
CDN_TIMEOUT_S = 8
# gbdraw 0.14.2 vendors NumPy for Pyodide 0.29; the hash decides whether it is the right file.
CARRIER = "gbdraw==0.14.2"
CARRIED_IN = "gbdraw/web/vendor/pyodide-wheels/"


class Wanted(NamedTuple):
    """The file to download: Pyodide's version, its name, its SHA-256 in hex."""

    pyodide: str
    file: str
    sha256: str


class WrongFileError(Exception):
    """The bytes are not those of the file in the lock."""


def wanted_from(pyodide_dir: Path) -> Wanted:
    """The NumPy wheel of the Pyodide release in `pyodide_dir` (the npm package)."""
    version = json.loads((pyodide_dir / "package.json").read_text())["version"]
    row = json.loads((pyodide_dir / "pyodide-lock.json").read_text())["packages"]["numpy"]
    return Wanted(version, row["file_name"], row["sha256"])


def check(data: bytes, wanted: Wanted, source: str) -> bytes:
    """Return `data` if it is the wanted file, else raise WrongFileError with `source` in its message."""
    got = hashlib.sha256(data).hexdigest()
    if got != wanted.sha256:
        raise WrongFileError(
            f"{wanted.file} from {source}: expected SHA-256 {wanted.sha256} (Pyodide {wanted.pyodide}'s own lock), "
            f"got {got} ({len(data):,} bytes); refused, nothing of it was used"
        )
    return data


def from_cdn(wanted: Wanted) -> bytes:
    """Download the file from Pyodide's CDN."""
    url = CDN.format(version=wanted.pyodide, file=wanted.file)
    with urllib.request.urlopen(url, timeout=CDN_TIMEOUT_S) as response:
        data: bytes = response.read()
    return data


def from_carrier(wanted: Wanted) -> bytes:
    """Download the package that contains the file from PyPI, and extract the file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, CARRIER]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip download failed")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as archive:
            return archive.read(CARRIED_IN + wanted.file)


Source = tuple[str, Callable[[Wanted], bytes]]
SOURCES: tuple[Source, ...] = (("Pyodide's CDN", from_cdn), (f"PyPI's {CARRIER}", from_carrier))


def fetch(
    wanted: Wanted, folder: Path, say: Callable[[str], None] = print, sources: tuple[Source, ...] = SOURCES
) -> Path:
    """Return the path of the checked wheel in `folder`, downloading it if it is not there.

    Raises WrongFileError when LOOM_NUMPY_WHEEL names a wrong file, OSError when no source has the right one.
    """
    own = os.environ.get("LOOM_NUMPY_WHEEL")
    if own:
        check(Path(own).read_bytes(), wanted, f"LOOM_NUMPY_WHEEL={own}")
        return Path(own)
    path = folder / wanted.file
    if path.exists():
        try:
            check(path.read_bytes(), wanted, f"the cache ({path})")
            return path
        except WrongFileError as error:
            say(f"  {error}; fetching it again")
            path.unlink()
    data = _first_good(wanted, sources, say)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)
    return path


def _first_good(wanted: Wanted, sources: tuple[Source, ...], say: Callable[[str], None]) -> bytes:
    failures = []
    for name, get in sources:
        try:
            data = check(get(wanted), wanted, name)
            say(f"  NumPy for Pyodide: {len(data) / 1e6:.1f} MB from {name}, SHA-256 as in Pyodide's lock")
            return data
        except (OSError, WrongFileError, KeyError, zipfile.BadZipFile) as error:
            failures.append(f"{name}: {getattr(error, 'reason', error)}")
    raise OSError(
        f"could not get {wanted.file} (SHA-256 {wanted.sha256}):\n  "
        + "\n  ".join(failures)
        + "\n  do: download that file elsewhere and set LOOM_NUMPY_WHEEL to its path"
    )
