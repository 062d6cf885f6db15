"""Guides of the field generator for pairs of aligned crops."""

import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.align import template_points
from swapcore.faces.mesh.crops import crop_landmarks
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.guide import mesh_topology
from swapcore.ops.compose import Guide
from swapcore.ops.guide import make_five_point_guide, make_guide, to_half_sides
from swapcore.warp.shape import reshape_template

Crops = npt.NDArray[np.uint8]


def crop_guides(sources: Crops, templates: Crops, size_px: int, device: torch.device | str = "cpu") -> Guide:
    """Make guides for pairs of aligned crops, of any two sizes; without the mesh's files, or a face, from standard points.

    Args:
        sources: uint8 (B, R, R, 3).
        templates: uint8 (B, S, S, 3).
        size_px: w, side of the guides.
        device: of the networks and of the result.
    """
    if not is_installed():
        return Guide(*(part.expand(len(sources), -1, -1, -1).to(device) for part in _standard_guide(size_px)))
    pairs = zip(crop_landmarks(sources, device), crop_landmarks(templates, device), strict=True)
    guides = [
        _standard_guide(size_px)
        if source is None or template is None
        else make_guide(
            to_half_sides(source, sources.shape[1]),
            to_half_sides(template, templates.shape[1]),
            mesh_topology(),
            reshape_template,
            size_px,
        )
        for source, template in pairs
    ]
    return Guide(*(torch.cat(parts).to(device) for parts in zip(*guides, strict=True)))


def _standard_guide(size_px: int) -> Guide:
    """The guide of two faces that are where crops have them: nothing moves."""
    points = to_half_sides(template_points(size_px), size_px)
    return make_five_point_guide(points, points, size_px)
