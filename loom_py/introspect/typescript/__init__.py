"""TypeScript generated from a description: `web/generated/loom.d.ts`, deterministic and without any `any`."""

from loom_py.introspect.typescript.generate import typegen

__all__ = ["typegen"]
