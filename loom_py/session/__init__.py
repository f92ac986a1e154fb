"""The roof: a Session serves the package to another language, plain data in and plain data out."""

from loom_py.session.serve import serve, serve_direct
from loom_py.session.session import Session

__all__ = ["Session", "serve", "serve_direct"]
