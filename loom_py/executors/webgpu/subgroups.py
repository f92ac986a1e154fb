"""Whether a device's lanes can speak to their neighbours as kernels/meet_subgroups.wgsl wants it."""

from __future__ import annotations

import numpy as np

from loom_py.errors import DeviceLostError, LoomError
from loom_py.executors.webgpu.heap import Heap
from loom_py.executors.webgpu.host import Host
from loom_py.executors.webgpu.lower.device_profile import LANES
from loom_py.executors.webgpu.plan import Plan, dispatch, plan_rows

SUBGROUPS = "subgroups"
"""The feature's name."""
TEAMS = 45
"""That kernels/meet_check.wgsl looks at: all powers of two for lanes and steps whose product is at most 256."""


def subgroups_work(host: Host, heap: Heap) -> bool:
    """Whether a device has subgroups and its lanes lie in them in order, which WGSL promises to nobody."""
    return SUBGROUPS in host.adapter.features and lanes_meet(host, heap, subgroups=True)


def lanes_meet(host: Host, heap: Heap, *, subgroups: bool) -> bool:
    """Whether all lanes of all teams get what they should: by subgroups, or by the tree."""
    region, nothing = heap.take(4 * LANES), np.zeros(0, np.uint8)
    rows = plan_rows([dispatch("meet_check", region.offset // 4, groups=(1, 1, 1))], subgroups=subgroups)
    report = np.array([(region.offset, 4 * LANES)], np.uint32)
    plan = Plan(*rows, np.zeros((0, 3), np.uint32), report, np.array([(0, 1)], np.uint32))
    try:
        number = host.load(plan)
        try:
            right, _ = host.wait(host.run(number, 0, 1, nothing, 0, False))
        finally:
            host.unload(number)
    except DeviceLostError:
        raise
    except LoomError:  # its compiler does not take what its features name
        return False
    return bool((right.view(np.uint32) == TEAMS).all())
