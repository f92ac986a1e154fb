"""Build hooks of the source distribution and the wheel: what neither git nor a source file has.

The compiled kernels go into both; a source distribution has them, so that a wheel made from it needs no compiler. The
tables that a page reads instead of introspecting the package go into the wheel, from a scratch folder and never into
the source tree, where they would grow stale. A build without either fails.

The dashboard's script goes into both if the checkout has it, which `npm run setup` sees to.

The description that a package index shows is README.md with its links made to work there.
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
from hatchling.metadata.plugin.interface import MetadataHookInterface

DASHBOARD = "loom_py/observers/formats/dashboard.js"
LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def for_index(readme: str, repository: str | None) -> str:
    """README.md as a package index can show it, which has none of the files that relative links name.

    With the address of the repository they become absolute; without one a link leaves its text, a picture nothing.
    """

    def link(found: re.Match[str]) -> str:
        picture, text, target = found["picture"], found["text"], found["target"]
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        if repository is None:
            return "" if picture else text
        return f"{picture}[{text}]({repository.rstrip('/')}/{'raw' if picture else 'blob'}/HEAD/{target})"

    parts = re.split(r"(^```.*?^```$)", readme, flags=re.DOTALL | re.MULTILINE)  # code stays as it is
    return "".join(part if part.startswith("```") else LINK.sub(link, part) for part in parts)


class ReadmeHook(MetadataHookInterface):
    """Sets `readme`."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = for_index(text, metadata.get("urls", {}).get("Repository"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


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
        self._add_dashboard(build_data)
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

    def _add_dashboard(self, build_data: dict[str, Any]) -> None:
        if (Path(self.root) / DASHBOARD).exists():
            build_data["artifacts"].append(DASHBOARD)
        else:
            self.app.display_warning(
                "without the dashboard of notebooks and HTML recordings, whose script needs Node; do: npm run setup"
            )

    def _run(self, what: str, *arguments: str) -> None:
        # All of sys.path, since installers pass the build's requirements on in other ways than by site-packages.
        path = os.pathsep.join([self.root, *filter(None, sys.path)])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{what} could not be made:\n{done.stdout}{done.stderr}")
