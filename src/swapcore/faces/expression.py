"""Expression and gaze measures from an aligned face's pixels and landmarks."""

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from swapcore.faces.extract import AlignedFace
from swapcore.faces.mesh.expression import measure_mesh_expression
from swapcore.ops.geometry import Points, apply, rescale
from swapcore.ops.image import resize

EXPRESSION_PX: Final = 256
"""Size at which crops are measured. The lengths below are shares of the eye distance in that crop."""
_BLUR_PX: Final = 1.0
_MOUTH_HALF_WIDTH, _MOUTH_NEAR, _MOUTH_FAR = 0.2, 0.12, 0.95
"""Search window of the lips: half width around the mouth center, top and bottom below the nose base."""
_FULL_RED: Final = 0.3
"""Log ratio of red to green, relative to skin, from which a pixel counts fully as lip."""
_BROW_NEAR, _BROW_FAR, _BROW_HALF_WIDTH = 0.2, 0.62, 0.26
"""Search window of a brow: lower and upper bound above the eye center, half width around it."""
_EYE_HALF_HEIGHT: Final = 0.16


class Expression(NamedTuple):
    """Expression and gaze of a face."""

    mouth_open: float
    """Vertical lip thickness at the mouth center, percent of the eye distance; it grows when the mouth opens."""
    mouth_width: float
    """Distance of the mouth corners, percent of the eye distance."""
    brow_height: float
    """Brow height above the eye center, percent of the eye distance, mean of both sides."""
    gaze_x: float
    """Horizontal offset of the iris from the midpoint of the eye corners, percent of the corner distance; right is positive."""
    gaze_y: float
    """Vertical offset, down is positive."""
    eye_open: float = 0.0
    """Distance of the lids, percent, mean of both sides; 0 without the face mesh."""


def measure_expression(face: AlignedFace) -> Expression:
    """Measure expression and gaze of an aligned face of any size.

    By the face mesh where the face has one: then the mouth opening is the gap between the lips, and lengths are percent of the
    distance of the outer eye corners in three dimensions. Only measures of one kind can be compared.
    """
    if face.mesh is not None:
        found = measure_mesh_expression(torch.from_numpy(face.mesh)[None])
        return Expression(**{name: float(value) for name, value in found._asdict().items()})
    side_px = face.crop.shape[0]
    crop = resize(face.crop, EXPRESSION_PX).astype(np.float32)
    crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), _BLUR_PX), dtype=np.float32)
    points = apply(rescale(np.eye(2, 3), side_px, EXPRESSION_PX), face.points)
    corners = apply(rescale(face.affine, side_px, EXPRESSION_PX), face.landmarks[:4])
    luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), dtype=np.float32)
    eye_distance = float(np.linalg.norm(points[1] - points[0]))
    eyes = [_gaze(luma, pair, eye_distance) for pair in (corners[:2], corners[2:])]
    gaze_x, gaze_y = np.mean(eyes, axis=0).tolist()
    brows = [_brow(luma, eye, eye_distance) for eye in points[:2]]
    width = float(np.linalg.norm(points[4] - points[3]))
    return Expression(
        mouth_open=_mouth_height(crop, points, eye_distance),
        mouth_width=100 * width / eye_distance,
        brow_height=float(np.mean(brows)),
        gaze_x=gaze_x,
        gaze_y=gaze_y,
    )


def _window(
    image: npt.NDArray[np.float32], left: float, top: float, right: float, bottom: float
) -> tuple[npt.NDArray[np.float32], tuple[int, int]]:
    """Cut a rectangle, clipped to the image; return it with the x, y of its first pixel."""
    x, y = max(0, round(left)), max(0, round(top))
    return image[y : max(y + 1, round(bottom) + 1), x : max(x + 1, round(right) + 1)], (x, y)


def _centroid(weights: npt.NDArray[np.floating]) -> tuple[float, float]:
    """Return the weighted mean column and row of weights (H, W)."""
    total = float(weights.sum())
    if total <= 0:  # uniform window
        return (weights.shape[1] - 1) / 2, (weights.shape[0] - 1) / 2
    rows, columns = np.arange(weights.shape[0]), np.arange(weights.shape[1])
    return float(weights.sum(0) @ columns) / total, float(weights.sum(1) @ rows) / total


def _darker(luma: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return each pixel's darkness relative to the window's median, 0 on skin."""
    median = float(np.median(luma))
    return np.asarray(np.clip((median - luma) / max(median, 1.0), 0, None), dtype=np.float32)


def _gaze(luma: npt.NDArray[np.float32], corners: Points, eye_distance: float) -> tuple[float, float]:
    """Return the horizontal and vertical gaze of one eye."""
    middle, width = corners.mean(0), float(np.linalg.norm(corners[1] - corners[0]))
    half = _EYE_HALF_HEIGHT * eye_distance
    window, (left, top) = _window(
        luma, middle[0] - 0.45 * width, middle[1] - 1.2 * half, middle[0] + 0.45 * width, middle[1] + 0.8 * half
    )
    x, y = _centroid(_darker(window) ** 2)
    across, down = np.array([left + x, top + y]) - middle
    return 100 * float(across) / width, 100 * float(down) / width


def _brow(luma: npt.NDArray[np.float32], eye: Points, eye_distance: float) -> float:
    """Return the height of the brow above the eye center."""
    half = _BROW_HALF_WIDTH * eye_distance
    window, (_, top) = _window(
        luma, eye[0] - half, eye[1] - _BROW_FAR * eye_distance, eye[0] + half, eye[1] - _BROW_NEAR * eye_distance
    )
    _, y = _centroid(_darker(window) ** 2)
    return 100 * float(eye[1] - top - y) / eye_distance


def _mouth_height(crop: npt.NDArray[np.float32], points: Points, eye_distance: float) -> float:
    """Sum the redness along the vertical at the mouth center, in units of _FULL_RED.

    The window is placed below the nose and not at the mouth corners, which are not found in a wide open mouth.
    """
    across, nose_y = (points[2, 0] + points[3:, 0].mean()) / 2, points[2, 1]
    half, top, bottom = (share * eye_distance for share in (_MOUTH_HALF_WIDTH, _MOUTH_NEAR, _MOUTH_FAR))
    window, _ = _window(crop, across - half, nose_y + top, across + half, nose_y + bottom)
    redness = np.log((window[..., 0] + 8) / (window[..., 1] + 8))
    lips = np.clip(redness - np.median(redness), 0, _FULL_RED) / _FULL_RED
    return 100 * float(lips.mean(1).sum()) / eye_distance
