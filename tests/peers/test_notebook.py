"""The dashboard in JupyterLab: a real kernel, a real browser, live while `fit` is at work."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("jupyterlab", reason="JupyterLab is in .venv-peers: npm run goldens -- --peers")


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[str]:
    """The address of a notebook with the first two examples of docs/notebook.md."""
    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    cells = [
        {"cell_type": "code", "source": code, "metadata": {}, "outputs": [], "execution_count": None, "id": str(number)}
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:2])
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "a.ipynb").write_text(json.dumps(document))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    options += ["--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path}"]
    places = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **places, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "jupyterlab", *options]
    with (tmp_path / "log.txt").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
        yield f"http://127.0.0.1:{port}/lab/tree/a.ipynb"
        server.terminate()
        server.wait(20)


def test_the_dashboard_follows_the_run_while_the_kernel_is_busy(notebook: str) -> None:
    node = shutil.which("node")
    assert node
    script = [node, str(ROOT / "tests" / "peers" / "notebook.mjs"), notebook]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["errors"] == []
    assert len({moment["step"] for moment in seen["busy"]}) > 3  # the kernel was busy, and the numbers went on
    assert [re.sub(r"\D", "", seen[name]) for name in ("last", "again")] == [str(60 * 64)] * 2
