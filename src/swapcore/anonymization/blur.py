"""Blur: a face of which nothing is left but its mean colors."""

from typing import Final

import cv2
import numpy as np

from swapcore.faces.detect import Box
from swapcore.ops.image import Image

_BLOCKS: Final = 6
"""The face is reduced to so many blocks a side: dlib's recognizer, which wants 150 px, has nothing to go by."""
_RADII: Final = (0.80, 1.00)
"""Of the ellipse, in box widths: from ear to ear and from hairline to below the chin."""
_RISE: Final = 0.06
_EDGE: Final = 0.15
_MARGIN: Final = 0.5
"""The blocks are made of a square larger than the ellipse by this share of the box."""


def blur_face(photograph: Image, box: Box) -> Image:
    """A new photograph (H, W, 3) in which an ellipse around the box holds a few smooth blocks of color."""
    center = np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2 - _RISE * box.width_px])
    half = (max(_RADII) + _MARGIN) * box.width_px
    height, width = photograph.shape[:2]
    left, top = (int(np.clip(value - half, 0, side)) for value, side in zip(center, (width, height), strict=True))
    right, bottom = (int(np.clip(value + half, 0, side)) for value, side in zip(center, (width, height), strict=True))
    result = photograph.copy()
    seen = photograph[top:bottom, left:right]
    if not seen.size:
        return result
    step = box.width_px / _BLOCKS
    size = (max(1, round(seen.shape[1] / step)), max(1, round(seen.shape[0] / step)))
    blocks = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(blocks, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_LINEAR)
    rows, columns = np.mgrid[top:bottom, left:right]
    across = (columns - center[0]) / (_RADII[0] * box.width_px)
    down = (rows - center[1]) / (_RADII[1] * box.width_px)
    share = np.clip((1 + _EDGE - np.hypot(across, down)) / _EDGE, 0, 1)[..., None]
    result[top:bottom, left:right] = np.clip(share * smooth + (1 - share) * seen + 0.5, 0, 255).astype(np.uint8)
    return result
