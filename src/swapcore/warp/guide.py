"""Makers of the field generator's guides by the face mesh."""

import functools

from swapcore.faces.mesh.guide import mesh_topology
from swapcore.ops.guide import GuideMaker
from swapcore.warp.reshaping import MeshReshape


@functools.lru_cache(maxsize=8)
def guide_maker(size_px: int, device: str) -> GuideMaker:
    """Return the maker of guides of a size, on a device, or on the CPU for one without float64."""
    place = "cpu" if device.startswith("mps") else device
    return GuideMaker(mesh_topology(), MeshReshape(), size_px).to(place)
