"""Landmarks of faces in aligned crops."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.mesh.expression import measure_mesh_expression
from swapcore.faces.mesh.landmarker import FaceMesh, load_face_mesh, square_of_points
from swapcore.ops.geometry import Points
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
        For each crop (478, 3) in its pixels: x, y, and depth, negative toward the camera; None where the network sees no face.
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
    center = np.array([0.5, 0.5, 0.0])
    in_crop = (points.double().cpu().numpy() + center) * (size_px / seen_px) - center
    sure = scores.cpu().numpy() > MIN_SCORE
    return [own if is_face else None for own, is_face in zip(in_crop, sure, strict=True)]


def crop_expression(images: torch.Tensor, mesh: FaceMesh) -> torch.Tensor:
    """Measure expression and gaze of faces in aligned crops; differentiable with respect to the images.

    Args:
        images: (B, 3, S, S) in [-1, 1].
        mesh: the network, on their device.

    Returns:
        (B, 5), see ``measure_mesh_expression``: mouth opening and width, eye opening, gaze across and down; percent.
    """
    side_px = images.shape[-1]
    square = [*(value * side_px for value in STANDARD_SQUARE), 0.0]
    # Filled on the device: the host would wait for a copy.
    squares = torch.stack([torch.full((len(images),), value, device=images.device) for value in square], 1)
    with full_precision(images):
        points = mesh.landmarks(images.float(), squares, smallest_px=square[2]).points
        found = measure_mesh_expression(points)
    return torch.stack([found.mouth_open, found.mouth_width, found.eye_open, found.gaze_x, found.gaze_y], 1)
