"""Faces cut upright to one working size, with their landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.faces.mesh.landmarker import SQUARE_PER_BOX, square_of_points
from swapcore.faces.mesh.topology import (
    LEFT_EYE_CORNERS,
    RIGHT_EYE_CORNERS,
    mirrored_indices,
)
from swapcore.ops.geometry import Affine, apply, invert, warp
from swapcore.ops.image import Image

Floats = npt.NDArray[np.float64]
Field = npt.NDArray[np.float32]
"""Values of the view's pixels, float32 (S, S) or (S, S, C)."""

VIEW_PX: Final = 320
"""Masks, light and flow are computed at this size, whatever the photograph's resolution."""
_FACE_IN_VIEW: Final = 0.72
"""Height of the face over the view's."""


@dataclass(frozen=True)
class FaceView:
    """One face, upright."""

    image: Image
    """uint8 (VIEW_PX, VIEW_PX, 3)."""
    points: Floats
    """(478, 3) in pixels of the view."""
    affine: Affine
    """(2, 3): photograph to view."""

    @cached_property
    def eye_px(self) -> float:
        """Distance of the outer eye corners in three dimensions, in pixels: the unit of every length below."""
        return float(np.linalg.norm(self.points[LEFT_EYE_CORNERS[0]] - self.points[RIGHT_EYE_CORNERS[0]]))

    def polygon(self, indices: Sequence[int]) -> Field:
        """The area inside a contour of landmarks: (S, S), 0 to 1 with smooth edges."""
        return fill_polygon(self.points[list(indices), :2])

    def in_photograph(self) -> Floats:
        """The landmarks (478, 3) in pixels of the photograph."""
        back = invert(self.affine)
        scale = float(np.sqrt(abs(np.linalg.det(back[:, :2]))))
        return np.column_stack([apply(back, self.points[:, :2]), self.points[:, 2] * scale])

    def mirrored(self) -> "FaceView":
        """The view seen in a mirror; its affine still maps the photograph's pixels to its own."""
        points = self.points[mirrored_indices()] * [-1, 1, 1] + [VIEW_PX - 1, 0, 0]
        flip = np.array([[-1.0, 0.0, VIEW_PX - 1], [0.0, 1.0, 0.0]])
        affine = np.hstack([flip[:, :2] @ self.affine[:, :2], (flip[:, :2] @ self.affine[:, 2] + flip[:, 2])[:, None]])
        return FaceView(np.ascontiguousarray(self.image[:, ::-1]), points, affine)


def view_face(photograph: Image, points: Floats) -> FaceView:
    """Cut a face upright.

    Args:
        photograph: uint8 (H, W, 3).
        points: (478, 3) landmarks in pixels of it.
    """
    center_x, center_y, side, angle = square_of_points(points)
    scale = _FACE_IN_VIEW * VIEW_PX * SQUARE_PER_BOX / side
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    affine = np.hstack([linear, ((VIEW_PX - 1) / 2 - linear @ [center_x, center_y])[:, None]])
    in_view = np.column_stack([apply(affine, points[:, :2]), points[:, 2] * scale])
    return FaceView(warp(photograph, affine, VIEW_PX), in_view, affine)


def fill_polygon(points: Floats, size_px: int = VIEW_PX) -> Field:
    """The area inside a closed contour (N, 2): float32 (S, S), 0 to 1 with smooth edges."""
    area = np.zeros((size_px, size_px), np.uint8)
    cv2.fillPoly(area, [np.round(points * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return np.asarray(area, dtype=np.float32) / np.float32(255)


def blur(values: Field, sigma_px: float) -> Field:
    """Gaussian blur with replicated edges; a large one is computed at a quarter of the size."""
    if sigma_px > 8:
        small = cv2.resize(values, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma_px / 4, borderType=cv2.BORDER_REPLICATE)
        size = (values.shape[1], values.shape[0])
        return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return np.asarray(
        cv2.GaussianBlur(values, (0, 0), max(sigma_px, 0.01), borderType=cv2.BORDER_REPLICATE), dtype=np.float32
    )


def grow(mask: Field, radius_px: float) -> Field:
    """Dilate by a disk; a negative radius erodes."""
    size = 2 * round(abs(radius_px)) + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    grown = cv2.dilate(mask, disk) if radius_px > 0 else cv2.erode(mask, disk)
    return np.asarray(grown, dtype=np.float32)


def opened(values: Field, radius_px: float) -> Field:
    """Erode, then dilate by a disk: what is thinner than it vanishes."""
    size = 2 * round(radius_px) + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(values, cv2.MORPH_OPEN, disk), dtype=np.float32)


def ramp(values: npt.ArrayLike, low: float, high: float) -> Field:
    """0 up to low, 1 from high on (or the reverse where high < low), smooth between."""
    t = np.clip((np.asarray(values, dtype=np.float32) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
