"""The table of layers that `loom_py.layers` imports late, written from the registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

PACKAGE = "loom_py.layers"
FILE = "loom_py/layers/names.py"
_HEAD = '''"""Names of the layers, by module. Written by `npm run typegen`, which finds every `@layer`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
'''


def layer_names(registry: Mapping[str, type]) -> str:
    """Source of the table.

    Args:
        registry: every layer class by its name; those of other packages are left out.
    """
    homes: dict[str, list[str]] = defaultdict(list)
    for name, cls in sorted(registry.items()):
        package, _, module = cls.__module__.rpartition(".")
        if package == PACKAGE:
            homes[module].append(name)
    imports = [
        f"    from {PACKAGE}.{module} import {name} as {name}\n"
        for module, names in sorted(homes.items())
        for name in names
    ]
    table = [f'    "{module}": "{" ".join(names)}",\n' for module, names in sorted(homes.items())]
    return "".join((_HEAD, *imports, "\nLAYERS = {\n", *table, '}\n"""Module → names of its layers."""\n'))
