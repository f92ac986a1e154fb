"""Regenerates requirements/*.txt from requirements/*.in: every version with its hashes, for any machine.

`npm run lock` for the newest that fit, `npm run lock -- --keep` to change only what the .in files force.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON_FLOOR = "3.11"
OPTIONS = ("--quiet", "--universal", "--generate-hashes", "--no-header", "--no-emit-index-url", "--no-annotate")


def main() -> int:
    """Compile every .in file with uv, installed into a temporary environment."""
    keep = "--keep" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        scripts = Path(folder) / ("Scripts" if os.name == "nt" else "bin")
        subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", "uv"], check=True)
        for source in sorted((ROOT / "requirements").glob("*.in")):
            relative = [str(path.relative_to(ROOT)) for path in (source, source.with_suffix(".txt"))]
            command = [scripts / "uv", "pip", "compile", *OPTIONS, "--python-version", PYTHON_FLOOR]
            command += [] if keep else ["--upgrade"]
            # UV_NO_CONFIG: a lock must not depend on the machine that makes it.
            env = {**os.environ, "UV_NO_CONFIG": "1"}
            subprocess.run([*command, relative[0], "--output-file", relative[1]], cwd=ROOT, env=env, check=True)
            print(f"wrote {relative[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
