"""Build hook of the wheel: makes the tables that a page reads instead of introspecting the package.

They go from a scratch folder into the wheel and never into the source tree, where they would grow stale.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TablesHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds `described.json` and `surface.json` to a wheel; the build fails if they can't be made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self.scratch = Path(tempfile.mkdtemp())
        if version == "editable":  # it runs from the source, which is introspected live
            return
        command = [sys.executable, "-m", "loom_py", "tables", "--out", str(self.scratch)]
        environment = {**os.environ, "PYTHONPATH": self.root, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the wheel's tables could not be made:\n{done.stdout}{done.stderr}")
        made = [path for path in self.scratch.rglob("*") if path.is_file()]
        build_data["force_include"].update({str(p): p.relative_to(self.scratch).as_posix() for p in made})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(self.scratch)
