"""Landmarks of faces in aligned crops, and the guides made from them."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.align import template_points
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.guide import mesh_topology
from swapcore.faces.mesh.landmarker import load_face_mesh, square_of_points
from swapcore.ops.compose import Guide
from swapcore.ops.geometry import Points
from swapcore.ops.guide import make_five_point_guide, make_guide, to_half_sides
from swapcore.ops.image import resize, to_tensor
from swapcore.ops.sampling import full_precision

STANDARD_SQUARE: Final = (0.5, 0.592, 0.958)
"""Center x, center y and side of a face's square, of the crop's side: the mean of 100 rendered faces
(benchmarks/constants.py)."""
MIN_SCORE: Final = 0.5
_SEEN_PX: Final = 256
"""Larger crops are shrunk first: the mesh sees a square of 192 px."""
_BATCH: Final = 16

Crops = npt.NDArray[np.uint8]


def crop_landmarks(crops: Crops, device: torch.device | str = "cpu") -> list[Points | None]:
    """Find the mesh points of faces in aligned crops, with a second pass in the square that the first one found.

    Args:
        crops: uint8 (B, S, S, 3), aligned by ``faces.align``.
        device: of the network.

    Returns:
        For each crop (478, 2) in its pixels, or None where the network sees no face.
    """
    found: list[Points | None] = []
    for start in range(0, len(crops), _BATCH):
        found += _batch_landmarks(crops[start : start + _BATCH], device)
    return found


@torch.no_grad()
def _batch_landmarks(crops: Crops, device: torch.device | str) -> list[Points | None]:
    size_px = crops.shape[1]
    seen_px = min(size_px, _SEEN_PX)
    images = to_tensor(np.stack([resize(crop, seen_px) for crop in crops])).to(device)
    mesh = load_face_mesh(str(device))
    squares = np.tile([(value * seen_px) for value in STANDARD_SQUARE] + [0.0], (len(crops), 1))
    with full_precision(images):
        first = mesh.landmarks(images, torch.from_numpy(squares)).points.double().cpu().numpy()
        again = np.stack([square_of_points(points) for points in first])
        points, scores = mesh.landmarks(images, torch.from_numpy(again))
    in_crop = (points[..., :2].double().cpu().numpy() + 0.5) * (size_px / seen_px) - 0.5
    sure = scores.cpu().numpy() > MIN_SCORE
    return [own if is_face else None for own, is_face in zip(in_crop, sure, strict=True)]


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
            [to_half_sides(source, sources.shape[1])],
            [to_half_sides(template, templates.shape[1])],
            mesh_topology(),
            size_px,
        )
        for source, template in pairs
    ]
    return Guide(*(torch.cat(parts).to(device) for parts in zip(*guides, strict=True)))


def _standard_guide(size_px: int) -> Guide:
    """The guide of two faces that are where crops have them: nothing moves."""
    points = to_half_sides(template_points(size_px), size_px)
    return make_five_point_guide([points], [points], size_px)
