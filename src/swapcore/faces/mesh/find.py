"""Faces of an image with their landmarks: detection in tiles, both ways up, confirmed by the mesh's score."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.detect import Box, overlap
from swapcore.faces.mesh.detector import Detections, load_detector
from swapcore.faces.mesh.landmarker import (
    SQUARE_PER_BOX,
    VIEW_PX,
    Landmarks,
    load_face_mesh,
    square_of_box,
    square_of_points,
)
from swapcore.faces.mesh.topology import LEFT_EYE_CORNERS, NUM_SURFACE, RIGHT_EYE_CORNERS
from swapcore.ops.device import single_thread
from swapcore.ops.geometry import Affine, warp
from swapcore.ops.image import Image, to_tensor

Floats = npt.NDArray[np.float64]

MIN_SCORE: Final = 0.5
"""Of the mesh. Measured: upright faces have 1.00, false detections less than 0.5 (docs/explanation/face-mesh.md)."""
_TILE_PX: Final = 768
"""Images with a longer side of more are also searched in tiles, which show faces larger to the detector."""
_TILE_OVERLAP: Final = 0.25
"""Of a tile's side: faces narrower than this are whole in one of the tiles."""
_BOX_PER_FACE: Final = 0.9
"""Side of a face's box over the surface's extent: dlib's boxes have this size on average."""
_MIN_UNCONFIRMED: Final = 0.6
_MAX_TILES: Final = 16
_SAME_FACE: Final = 0.5
"""Of the smaller box."""
_UPRIGHT: Final = np.radians(6.0)
_BATCH: Final = 16


@dataclass(frozen=True)
class MeshFace:
    """A face of an image."""

    points: Floats
    """(478, 3): x, y in pixels of the image, and depth in the same unit, negative toward the camera."""
    score: float
    """Probability that there is a face, by the mesh, 0 to 1."""
    box: Box
    """Square and, like dlib's boxes, a little smaller than the surface; its score is the detector's, 0 to 1."""


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


@single_thread()
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
    """The box of a face with these landmarks (478, 3)."""
    low, high = points[:NUM_SURFACE, :2].min(0), points[:NUM_SURFACE, :2].max(0)
    (x, y), half = (low + high) / 2, _BOX_PER_FACE * float((high - low).max()) / 2
    along = points[RIGHT_EYE_CORNERS[0], :2] - points[LEFT_EYE_CORNERS[0], :2]
    roll = float(np.degrees(np.arctan2(along[1], along[0])))
    return Box(float(x - half), float(y - half), float(x + half), float(y + half), score, roll)


def landmarks_in_box(image: Image, box: Box, device: str = "cpu") -> Floats | None:
    """Landmarks (478, 3) of the face in a box of this module or of dlib, or None where the mesh sees no face."""
    center = [(box.left + box.right) / 2, (box.top + box.bottom) / 2]
    square = np.array([*center, SQUARE_PER_BOX * box.width_px / _BOX_PER_FACE, np.radians(box.roll_deg)])
    points, scores = landmarks_at(image, square[None], device)
    return points[0] if scores[0] >= MIN_SCORE else None


def unconfirmed_faces(image: Image, known: list[Box], device: str = "cpu") -> list[Box]:
    """Detections that the mesh does not confirm, such as heads in profile and hidden faces; some are no faces.

    Args:
        image: uint8 (H, W, 3) RGB.
        known: boxes of faces that are not to be named again.
        device: of the networks.
    """
    rows = _detect("back", [(image, (0, 0)), *_tiles(image)], device)
    boxes: list[Box] = []
    for row in rows[np.argsort(-rows[:, 0], kind="stable")]:
        left, top, right, bottom = row[1:5].tolist()
        box = Box(left, top, right, bottom, float(row[0]))
        if row[0] >= _MIN_UNCONFIRMED and all(overlap(box, other) < _SAME_FACE for other in [*known, *boxes]):
            boxes.append(box)
    return boxes


@single_thread()
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
    squares = np.concatenate([squares, turned])
    points, scores = landmarks_at(image, squares, device)
    _straighten(image, squares, points, scores, device)
    faces: list[MeshFace] = []
    for i in np.argsort(-scores, kind="stable"):
        if scores[i] < MIN_SCORE:
            break
        face = MeshFace(
            points[i], float(scores[i]), box_of_points(points[i], float(detections[i % len(detections), 0]))
        )
        if all(overlap(face.box, other.box) < _SAME_FACE for other in faces):
            faces.append(face)
    return sorted(faces, key=lambda face: -face.box.width_px)


def _straighten(image: Image, squares: Floats, points: Floats, scores: Floats, device: str) -> None:
    """Find the landmarks again, in place, where the face is not upright in its square."""
    again = np.array([square_of_points(own) for own in points]).reshape(-1, 4)
    tilt = np.abs((again[:, 3] - squares[:, 3] + np.pi) % (2 * np.pi) - np.pi)
    tilted = (scores >= MIN_SCORE) & (tilt > _UPRIGHT) & (tilt < np.pi / 2)
    if tilted.any():
        points[tilted], scores[tilted] = landmarks_at(image, again[tilted], device)


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
