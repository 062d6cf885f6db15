"""Guides of the field generator for pairs of aligned crops."""

import functools

import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.align import template_points
from swapcore.faces.mesh.crops import crop_landmarks
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.guide import mesh_topology
from swapcore.faces.mesh.topology import NUM_LANDMARKS
from swapcore.ops.compose import Guide
from swapcore.ops.geometry import Points
from swapcore.ops.guide import GuideMaker, five_point_guide, guide_inputs, to_half_sides
from swapcore.warp.reshaping import MeshReshape

Crops = npt.NDArray[np.uint8]


def crop_guides(sources: Crops, templates: Crops, size_px: int, device: torch.device | str = "cpu") -> Guide:
    """Make guides for pairs of aligned crops, of any two sizes; without the mesh's files, or a face, from standard points.

    Args:
        sources: uint8 (B, R, R, 3).
        templates: uint8 (B, S, S, 3).
        size_px: w, side of the guides.
        device: of the networks and of the result.
    """
    # The guide of two faces that are where crops have them: nothing moves.
    standard = np.tile(to_half_sides(template_points(size_px), size_px), (len(sources), 1, 1))
    if not is_installed():
        points = torch.from_numpy(standard).float()
        return Guide(*(part.to(device) for part in five_point_guide(points, points, size_px)))
    maker = guide_maker(size_px, str(device))
    meshes = (_meshes(sources, device), _meshes(templates, device))
    guide = maker.make(guide_inputs(meshes, (standard, standard), maker.reshape))
    return Guide(*(part.to(device) for part in guide))


@functools.lru_cache(maxsize=8)
def guide_maker(size_px: int, device: str) -> GuideMaker:
    """Return the maker of guides of a size, on a device, or on the CPU for one without float64."""
    place = "cpu" if device.startswith("mps") else device
    return GuideMaker(mesh_topology(), MeshReshape(), size_px).to(place)


def _meshes(crops: Crops, device: torch.device | str) -> Points:
    """Landmarks (B, L, 3) in [-1, 1], NaN where the mesh sees no face."""
    unknown = np.full((NUM_LANDMARKS, 3), np.nan)
    found = [unknown if points is None else points for points in crop_landmarks(crops, device)]
    return to_half_sides(np.stack(found), crops.shape[1])
