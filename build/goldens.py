"""Golden files from PyTorch: `npm run goldens` writes tests/golden/data, `npm run goldens -- --check` compares them.

`npm run goldens -- --peers` runs tests/peers, which train PyTorch's networks and ours. PyTorch is in its own
environment, .venv-peers with CPython 3.11, made here from requirements/peers.txt when it is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv-peers"
LOCK = ROOT / "requirements" / "peers.txt"
VERSION = (3, 11)
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def version_of(python: str) -> tuple[int, int] | None:
    """(3, 11) for a working interpreter, None for a shim or a file that does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    major, _, minor = done.stdout.partition(" ")
    return (int(major), int(minor)) if done.returncode == 0 else None


def find_python() -> str:
    """A CPython of the version that PyTorch's CPU build is made for."""
    name = "python{}.{}".format(*VERSION)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(str(path) for path in pyenv.glob("{}.{}.*/bin/python".format(*VERSION)))
    candidates = [os.environ.get("PEERS_PYTHON"), sys.executable, *reversed(found), shutil.which(name)]
    for python in candidates:
        if python and version_of(python) == VERSION:
            return python
    sys.exit(
        "PyTorch's environment: expected CPython {}.{}, got none; do: install it or set PEERS_PYTHON".format(*VERSION)
    )


def environment() -> None:
    """Make .venv-peers, or update it when its requirements have changed."""
    stamp, wanted = HOME / "requirements.sha256", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        print("PyTorch's environment: creating .venv-peers", flush=True)
        subprocess.run([find_python(), "-m", "venv", str(HOME)], check=True)
    print("PyTorch's environment: installing requirements/peers.txt (about 250 MB)", flush=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(LOCK)]
    subprocess.run(pip, check=True)
    stamp.write_text(wanted)


def main(arguments: list[str]) -> int:
    environment()
    module = (
        ["pytest", "tests/peers", *arguments[1:]] if arguments[:1] == ["--peers"] else ["tests.golden.make", *arguments]
    )
    return subprocess.run([str(PYTHON), "-m", *module], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
