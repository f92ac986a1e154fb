"""Build hook of the source distribution and the wheel: what neither git nor a source file has.

The compiled kernels go into both; a source distribution has them, so that a wheel made from it needs no compiler. The
tables that a page reads instead of introspecting the package go into the wheel, from a scratch folder and never into
the source tree, where they would grow stale. A build without either fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PackageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles the kernels and adds `described.json` and `surface.json`."""

    def dependencies(self) -> list[str]:
        """In a checkout the compiler, as the lock has it."""
        if self._unpacked():
            return []
        lock = (Path(self.root) / "requirements" / "demo.txt").read_text()
        return re.findall(r"^ziglang==[\w.]+", lock, re.MULTILINE)

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self.scratch = Path(tempfile.mkdtemp())
        if version == "editable":  # it runs from the source, which is introspected live, and without Pyodide
            return
        self._compile_kernels()
        if self.target_name == "wheel":
            self._run("the wheel's tables", "-m", "loom_py", "tables", "--out", str(self.scratch))
            made = [path for path in self.scratch.rglob("*") if path.is_file()]
            build_data["force_include"].update({str(p): p.relative_to(self.scratch).as_posix() for p in made})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(self.scratch)

    def _unpacked(self) -> bool:
        """Whether this is an unpacked source distribution."""
        return (Path(self.root) / "PKG-INFO").exists()

    def _compile_kernels(self) -> None:
        if not self._unpacked():
            self._run("the kernels", str(Path(self.root) / "build" / "kernels.py"))
        elif not any((Path(self.root) / "loom_py" / "executors" / "wasm").glob("*.wasm")):
            raise RuntimeError(
                "expected compiled kernels in loom_py/executors/wasm, got none; do: build from a checkout"
            )

    def _run(self, what: str, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": self.root, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{what} could not be made:\n{done.stdout}{done.stderr}")
