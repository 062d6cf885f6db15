"""Conversion between sRGB and CIE Lab, and the skin color of a face."""

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.ops.masks import face_coordinates

Lab = npt.NDArray[np.float32]
"""float32 (S, S, 3): L 0..100, a and b about -100..100."""


def to_lab(image: Image) -> Lab:
    """Convert an sRGB image, uint8 (S, S, 3), to CIE Lab (D65)."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), dtype=np.float32)


def from_lab(lab: Lab) -> Image:
    """Convert Lab to sRGB, uint8 (S, S, 3), rounded; colors outside sRGB are clipped."""
    rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
    return np.asarray(np.clip(rgb * 255 + 0.5, 0, 255), dtype=np.uint8)


def skin_color(lab: Lab, points: Points) -> npt.NDArray[np.float32]:
    """Median Lab (3,) of a face between eyes and mouth, where there is rarely hair or beard.

    Args:
        lab: an aligned crop.
        points: (5, 2) landmarks in crop pixels.
    """
    frame = face_coordinates(points, lab.shape[0])
    x, y = frame[..., 0], frame[..., 1]
    return np.asarray(np.median(lab[(np.abs(x) < 0.7) & (y > 0.25) & (y < 0.8)], axis=0), dtype=np.float32)
