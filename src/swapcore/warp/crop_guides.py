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
from swapcore.warp.shape import reshape_template
from swapcore.warp.view import FaceView, Field, blur, view_face

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
    found = (crop_landmarks(sources, device), crop_landmarks(templates, device))
    meshes = (_meshes(found[0], sources.shape[1]), _meshes(found[1], templates.shape[1]))
    guide = maker.make(guide_inputs(meshes, (standard, standard), maker.reshape))
    guides = []
    for row, (source, template) in enumerate(zip(*found, strict=True)):
        one = Guide(*(part[row : row + 1] for part in guide))
        if source is not None and template is not None:
            one = hide_covered(one, (sources[row], templates[row]), (source, template))
        guides.append(one)
    return Guide(*(torch.cat(parts).to(device) for parts in zip(*guides, strict=True)))


def hide_covered(guide: Guide, pair: tuple[Image, Image], meshes: tuple[Points, Points]) -> Guide:
    """Call the source invisible where something covers its face, or the template's.

    A fringe of the source would otherwise be pasted onto the template's forehead, and its face over the template's glasses.

    Args:
        guide: of one pair, B = 1.
        pair: crops of source and template, uint8 (R, R, 3) and (S, S, 3).
        meshes: landmarks of both, (478, 3) in pixels of the crops.

    Returns:
        The guide with a smaller ``visible``.
    """
    studied = (study_source(view_face(pair[0], meshes[0])), study_template(view_face(pair[1], meshes[1])))
    size_px, views = guide.visible.shape[-1], [face.view for face in studied]
    source, template = (
        _in_crop(face.unusable, face.view, crop.shape[0], size_px) for face, crop in zip(studied, pair, strict=True)
    )
    shaped = replace(views[1], points=reshape_template(views[1].points, views[0].points))
    kept = _in_crop(kept_of_template(shaped, views[0]), views[1], pair[1].shape[0], size_px)
    device = guide.visible.device
    covered = torch.maximum(move(source.to(device), guide.flow), move(template.to(device), guide.own_flow))
    return guide._replace(visible=guide.visible * (1.0 - torch.maximum(covered, kept.to(device))))


def _in_crop(field: Field, view: FaceView, crop_px: int, size_px: int) -> torch.Tensor:
    """Move a field (S, S) of a view into its crop reduced to w pixels: (1, 1, w, w)."""
    affine = rescale(invert(view.affine), crop_px, size_px)
    shrunk = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    smooth = blur(field, 0.5 / shrunk)  # against aliasing
    return torch.from_numpy(cv2.warpAffine(smooth, affine, (size_px, size_px), flags=cv2.INTER_LINEAR))[None, None]


def _meshes(found: Sequence[Points | None], size_px: int) -> Points:
    """Landmarks (B, L, 3) in [-1, 1], NaN where the mesh sees no face."""
    unknown = np.full((NUM_LANDMARKS, 3), np.nan)
    return to_half_sides(np.stack([unknown if points is None else points for points in found]), size_px)
