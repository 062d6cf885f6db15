"""Guides of the field generator for pairs of aligned crops, and what covers their faces."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.align import template_points
from swapcore.faces.mesh.crops import crop_landmarks
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.topology import NUM_LANDMARKS
from swapcore.ops.compose import Guide, move
from swapcore.ops.geometry import Points, invert, rescale
from swapcore.ops.guide import five_point_guide, guide_inputs, to_half_sides
from swapcore.ops.image import Image
from swapcore.warp.dense import kept_of_template, study_source, study_template
from swapcore.warp.guide import guide_maker
from swapcore.warp.reshaping import reshape_template
from swapcore.warp.view import FaceView, Field, blur, view_face

Crops = npt.NDArray[np.uint8]
Meshes = Sequence[Points | None]


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
    found = (crop_landmarks(sources, device), crop_landmarks(templates, device))
    meshes = (_meshes(found[0], sources.shape[1]), _meshes(found[1], templates.shape[1]))
    guide = maker.make(guide_inputs(meshes, (standard, standard), maker.reshape))
    return Guide(*(part.to(device) for part in hide_covered(guide, (sources, templates), found)))


def hide_covered(guide: Guide, crops: tuple[Crops, Crops], meshes: tuple[Meshes, Meshes]) -> Guide:
    """Call the source invisible where something covers its face, or the template's.

    A fringe of the source would otherwise be pasted onto the template's forehead, and its face over the template's glasses.

    Args:
        guide: of B pairs.
        crops: of sources and templates, uint8 (B, R, R, 3) and (B, S, S, 3).
        meshes: landmarks of each, (478, 3) in pixels of its crop, or None; a pair without both is left as it is.

    Returns:
        The guide with a smaller ``visible``.
    """
    size_px = guide.visible.shape[-1]
    nothing = torch.zeros(3, size_px, size_px)
    covers = [
        nothing if source is None or template is None else _covers(pair, (source, template), size_px)
        for *pair, source, template in zip(*crops, *meshes, strict=True)
    ]
    of_source, of_template, features = torch.split(torch.stack(covers).to(guide.visible.device), 1, dim=1)
    covered = torch.maximum(move(of_source, guide.flow), move(of_template, guide.own_flow))
    return guide._replace(kept=torch.maximum(guide.kept, torch.maximum(covered, features)))


def _covers(pair: Sequence[Image], meshes: tuple[Points, Points], size_px: int) -> torch.Tensor:
    """What covers the source in its crop, what covers the template, and the template's own features in the output: (3, w, w)."""
    source, template = (study_source(view_face(pair[0], meshes[0])), study_template(view_face(pair[1], meshes[1])))
    shaped = replace(template.view, points=reshape_template(template.view.points, source.view.points))
    fields = (
        (source.unusable, source.view, pair[0]),
        (template.unusable, template.view, pair[1]),
        (kept_of_template(shaped, source.view), template.view, pair[1]),
    )
    return torch.stack([_in_crop(field, view, crop.shape[0], size_px) for field, view, crop in fields])


def _in_crop(field: Field, view: FaceView, crop_px: int, size_px: int) -> torch.Tensor:
    """Move a field (S, S) of a view into its crop reduced to w pixels: (w, w)."""
    affine = rescale(invert(view.affine), crop_px, size_px)
    shrunk = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    smooth = blur(field, 0.5 / shrunk)  # against aliasing
    return torch.from_numpy(cv2.warpAffine(smooth, affine, (size_px, size_px), flags=cv2.INTER_LINEAR))


def _meshes(found: Meshes, size_px: int) -> Points:
    """Landmarks (B, L, 3) in [-1, 1], NaN where the mesh sees no face."""
    unknown = np.full((NUM_LANDMARKS, 3), np.nan)
    return to_half_sides(np.stack([unknown if points is None else points for points in found]), size_px)
