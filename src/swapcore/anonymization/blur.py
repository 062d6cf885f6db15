"""Blur of a face that leaves only its mean colors."""

from typing import Final

import cv2
import numpy as np

from swapcore.faces.detect import Box
from swapcore.ops.image import Image

_BLOCKS: Final = 6
"""Blocks per side of the face; dlib's recognizer works on 150 px."""
_RADII: Final = (0.80, 1.00)
"""Semi-axes of the blurred ellipse in box widths: ear to ear, hairline to below the chin."""
_RISE: Final = 0.06
"""Upward shift of the ellipse's center, in box widths."""
_EDGE: Final = 0.15
"""Width of the soft edge, as a share of the radius."""
_MARGIN: Final = 0.5
"""The blocks cover a square that exceeds the ellipse by this many box widths."""


def blur_face(image: Image, box: Box) -> Image:
    """Return a copy of an image (H, W, 3) in which an ellipse around the box is reduced to a few smooth blocks of color."""
    center = np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2 - _RISE * box.width_px])
    half = (max(_RADII) + _MARGIN) * box.width_px
    height, width = image.shape[:2]
    left, top = (int(np.clip(value - half, 0, side)) for value, side in zip(center, (width, height), strict=True))
    right, bottom = (int(np.clip(value + half, 0, side)) for value, side in zip(center, (width, height), strict=True))
    result = image.copy()
    region = image[top:bottom, left:right]
    if not region.size:
        return result
    step = box.width_px / _BLOCKS
    size = (max(1, round(region.shape[1] / step)), max(1, round(region.shape[0] / step)))
    blocks = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(blocks, (region.shape[1], region.shape[0]), interpolation=cv2.INTER_LINEAR)
    rows, columns = np.mgrid[top:bottom, left:right]
    across = (columns - center[0]) / (_RADII[0] * box.width_px)
    down = (rows - center[1]) / (_RADII[1] * box.width_px)
    share = np.clip((1 + _EDGE - np.hypot(across, down)) / _EDGE, 0, 1)[..., None]
    result[top:bottom, left:right] = np.clip(share * smooth + (1 - share) * region + 0.5, 0, 255).astype(np.uint8)
    return result
