"""Passes: each makes a Program's instructions fewer or cheaper without changing a kept result."""

from loom_py.program.passes.chains import chains as chains
from loom_py.program.passes.draft import Draft as Draft
from loom_py.program.passes.draft import Pass as Pass
from loom_py.program.passes.epilogues import epilogues as epilogues

PASSES: tuple[Pass, ...] = (epilogues, chains)
"""Passes in the order in which a Recorder applies them."""
