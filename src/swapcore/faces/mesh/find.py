"""Faces of an image with their landmarks: detection in tiles, both ways up, confirmed by the mesh's score."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.detect import Box, overlap
from swapcore.faces.mesh.detector import Detections, load_detector
from swapcore.faces.mesh.landmarker import VIEW_PX, Landmarks, load_face_mesh, square_of_box
from swapcore.faces.mesh.topology import NUM_SURFACE
from swapcore.ops.geometry import Affine, warp
from swapcore.ops.image import Image, to_tensor

Floats = npt.NDArray[np.float64]

MIN_SCORE: Final = 0.5
"""Of the mesh. Measured: upright faces have 1.00, false detections less than 0.5 (docs/faces.md)."""
_TILE_PX: Final = 768
"""Images with a longer side of more are also searched in tiles, which show faces larger to the detector."""
_TILE_OVERLAP: Final = 0.25
"""Of a tile's side: faces narrower than this are whole in one of the tiles."""
_MAX_TILES: Final = 16
_SAME_FACE: Final = 0.5
"""Of the smaller box."""
_BATCH: Final = 16


@dataclass(frozen=True)
class MeshFace:
    """A face of an image."""

    points: Floats
    """(478, 3): x, y in pixels of the image, and depth in the same unit, negative toward the camera."""
    score: float
    """Probability that there is a face, by the mesh, 0 to 1."""
    box: Box
    """Around the surface points, square; its score is the detector's, 0 to 1."""


def find_faces(image: Image, *, every: bool = True, device: str = "cpu") -> list[MeshFace]:
    """Find the faces of an image, the largest first.

    Args:
        image: uint8 (H, W, 3) RGB.
        every: also search in tiles for faces that are small in the whole image; slower for large images.
        device: of the networks.

    Raises:
        ArtifactError: the face mesh's files are not installed.
    """
    detections = _detect("back", [(image, (0, 0)), *(_tiles(image) if every else [])], device)
    faces = _confirmed(image, detections, device)
    if not faces:
        faces = _confirmed(image, _detect("short", [(image, (0, 0))], device), device)
    return faces


def landmarks_at(image: Image, squares: Floats, device: str = "cpu") -> tuple[Floats, Floats]:
    """Landmarks in given squares of one image of any size.

    Args:
        image: uint8 (H, W, 3) RGB.
        squares: (B, 4), see ``FaceMesh.landmarks``.
        device: of the network.

    Returns:
        Points (B, 478, 3) in pixels of the image, and scores (B,).
    """
    mesh = load_face_mesh(device)
    affines = [_to_view(square) for square in squares]
    points, scores = [], []
    for start in range(0, len(squares), _BATCH):
        batch = slice(start, start + _BATCH)
        views = np.stack([warp(image, affine, VIEW_PX) for affine in affines[batch]])
        with torch.no_grad():
            found: Landmarks = mesh(to_tensor(views).to(device))
        points.append(found.points.double().cpu().numpy())
        scores.append(found.scores.double().cpu().numpy())
    if not points:
        return np.zeros((0, 478, 3)), np.zeros(0)
    in_image = [_from_view(own, square) for own, square in zip(np.concatenate(points), squares, strict=True)]
    return np.stack(in_image), np.concatenate(scores)


def box_of_points(points: Floats, score: float) -> Box:
    """The square around a face's surface points (478, 3)."""
    low, high = points[:NUM_SURFACE, :2].min(0), points[:NUM_SURFACE, :2].max(0)
    center, half = (low + high) / 2, float((high - low).max()) / 2
    return Box(center[0] - half, center[1] - half, center[0] + half, center[1] + half, score)


def _detect(which: str, parts: list[tuple[Image, tuple[int, int]]], device: str) -> Detections:
    """Detections in parts of an image, in its pixels; those cut by a tile's border are found in the neighbor too."""
    rows = []
    detector = load_detector("short" if which == "short" else "back", device)
    for start in range(0, len(parts), _BATCH):
        batch = parts[start : start + _BATCH]
        for found, (_, origin) in zip(detector.detect([part for part, _ in batch]), batch, strict=True):
            found[:, 1:] += np.tile(origin, 8)
            rows.append(found)
    return np.concatenate(rows)


def _tiles(image: Image) -> list[tuple[Image, tuple[int, int]]]:
    """Overlapping squares of a large image with their origins (x, y)."""
    height, width = image.shape[:2]
    if max(height, width) <= _TILE_PX:
        return []
    side = _TILE_PX
    while (num := [_num_tiles(length, side) for length in (height, width)]) and num[0] * num[1] > _MAX_TILES:
        side = round(side * 1.25)
    tops, lefts = (
        np.linspace(0, max(0, length - side), count).round().astype(int).tolist()
        for length, count in zip((height, width), num, strict=True)
    )
    return [(image[y : y + side, x : x + side], (x, y)) for y in tops for x in lefts]


def _num_tiles(length_px: int, side_px: int) -> int:
    return max(1, int(np.ceil((length_px - side_px) / (side_px * (1 - _TILE_OVERLAP)))) + 1)


def _confirmed(image: Image, detections: Detections, device: str) -> list[MeshFace]:
    """The detections that the mesh calls faces, each once, by descending size."""
    squares = np.array([square_of_box(row[1:5], row[5:9].reshape(2, 2)) for row in detections]).reshape(-1, 4)
    # The detector's six points do not tell an upside-down face: the mesh sees each square both ways up.
    turned = squares + np.array([0, 0, 0, np.pi])
    points, scores = landmarks_at(image, np.concatenate([squares, turned]), device)
    faces: list[MeshFace] = []
    for i in np.argsort(-scores, kind="stable"):
        if scores[i] < MIN_SCORE:
            break
        face = MeshFace(points[i], float(scores[i]), box_of_points(points[i], float(detections[i % len(squares), 0])))
        if all(overlap(face.box, other.box) < _SAME_FACE for other in faces):
            faces.append(face)
    return sorted(faces, key=lambda face: -face.box.width_px)


def _to_view(square: Floats) -> Affine:
    """The affine (2, 3) from the image to a square's view."""
    scale, angle = VIEW_PX / square[2], square[3]
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.hstack([linear, ((VIEW_PX - 1) / 2 - linear @ square[:2])[:, None]])


def _from_view(points: Floats, square: Floats) -> Floats:
    scale, angle = square[2] / VIEW_PX, square[3]
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flat = (points[:, :2] - (VIEW_PX - 1) / 2) @ linear.T + square[:2]
    return np.column_stack([flat, points[:, 2] * scale])
