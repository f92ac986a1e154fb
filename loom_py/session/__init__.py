"""Sessions: the package served to another language, with plain data in both directions."""

from loom_py.session.serve import serve, serve_direct
from loom_py.session.session import Session

__all__ = ["Session", "serve", "serve_direct"]
