"""CIE Lab, in which colors are compared as the eye does, and the color of a face's skin."""

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.ops.masks import face_coordinates

Lab = npt.NDArray[np.float32]
"""float32 (S, S, 3): L 0..100, a and b about -100..100."""


def to_lab(image: Image) -> Lab:
    """CIE Lab (D65) of an sRGB picture, uint8 (S, S, 3)."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), dtype=np.float32)


def from_lab(lab: Lab) -> Image:
    """sRGB of a Lab picture, rounded, colors outside sRGB clipped, uint8 (S, S, 3)."""
    rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
    return np.asarray(np.clip(rgb * 255 + 0.5, 0, 255), dtype=np.uint8)


def skin_color(lab: Lab, points: Points) -> npt.NDArray[np.float32]:
    """Median Lab (3,) of a face between eyes and mouth, where neither hair nor beard grows.

    Args:
        lab: an aligned crop.
        points: its five points (5, 2).
    """
    frame = face_coordinates(points, lab.shape[0])
    x, y = frame[..., 0], frame[..., 1]
    return np.asarray(np.median(lab[(np.abs(x) < 0.7) & (y > 0.25) & (y < 0.8)], axis=0), dtype=np.float32)
