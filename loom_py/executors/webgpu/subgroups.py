"""Check of a device for what kernels/subgroup_reduce.wgsl requires."""

from __future__ import annotations

import numpy as np

from loom_py.errors import DeviceLostError, LoomError
from loom_py.executors.webgpu.heap import Heap
from loom_py.executors.webgpu.host import Host
from loom_py.executors.webgpu.lower.device_profile import LANES
from loom_py.executors.webgpu.plan import Plan, dispatch, plan_rows

SUBGROUPS = "subgroups"
"""The feature's name."""
LANE_GROUPS = 45
"""Lane groups that kernels/workgroup_reduce_check.wgsl tests: powers of two for lanes and steps with a product of at
most 256."""


def subgroups_work(host: Host, heap: Heap) -> bool:
    """Whether a device has subgroups with lanes in order, which WGSL does not guarantee."""
    return SUBGROUPS in host.adapter.features and reduction_works(host, heap, subgroups=True)


def reduction_works(host: Host, heap: Heap, *, subgroups: bool) -> bool:
    """Whether workgroup reductions give all lanes the right results: by subgroups, or by the tree."""
    region, nothing = heap.take(4 * LANES), np.zeros(0, np.uint8)
    rows = plan_rows([dispatch("workgroup_reduce_check", region.offset // 4, groups=(1, 1, 1))], subgroups=subgroups)
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
    except LoomError:  # the compiler refuses a feature that the device claims
        return False
    return bool((right.view(np.uint32) == LANE_GROUPS).all())
