"""Command line: `python -m loom_py diagnose | compare`, and for the repository `typegen | docs | describe | tables`."""

from __future__ import annotations

import sys

from loom_py.cli import main

if __name__ == "__main__":
    sys.exit(main())
