"""Pasting of a swapped face into its image at the image's resolution."""

import math
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.ops.color import from_lab, skin_color, to_lab
from swapcore.ops.geometry import Affine, Points, apply, compose, invert
from swapcore.ops.image import Image
from swapcore.ops.masks import outline_radius

Floats = npt.NDArray[np.float32]

_FULL_RADIUS: Final = 1.35
"""Radius, in radii of the inner face, up to which a change is pasted fully; it includes chin, jaw and temples."""
_ZERO_RADIUS: Final = 1.7
"""Radius from which nothing changes: hair, neck and background."""
_EDGE: Final = 0.08
"""Width of the fade at the crop's border, as a share of its side."""
_DETAIL_CHANGE: Final = (6.0, 26.0)
"""Change in gray levels up to which the image's fine detail is kept, and from which it is removed."""
_DETAIL_SIGMA: Final = 1 / 48
"""Blur of the change that decides on detail, as a share of the crop's side."""

_TWO_STEP_SCALE: Final = 4.0
"""Image pixels per crop pixel from which enlarging is done in two steps."""


class Region(NamedTuple):
    """A rectangle of an image, in pixels."""

    left: int
    top: int
    right: int
    bottom: int


def paste_back(image: Image, crop: Image, swapped: Image, points: Points, affine: Affine) -> Image:
    """Paste a swap into its image.

    Only the change, swapped - crop, is resampled and added, so that pixels which the model leaves alone stay identical.
    Detail that is finer than the crop (pores, freckles, stubble) is kept where little changed, and removed where a feature
    was replaced, since the edges of the old one would remain visible.

    Args:
        image: uint8 (H, W, 3).
        crop: uint8 (S, S, 3), the face as cut from the image.
        swapped: uint8 (S, S, 3), the model's result.
        points: (5, 2) landmarks in the crop.
        affine: (2, 3), image to crop.

    Returns:
        A new uint8 (H, W, 3); pixels away from the face are unchanged.
    """
    window = face_window(points, crop.shape[0])
    region = covered(affine, window, image.shape)
    if region.right <= region.left or region.bottom <= region.top:
        return image.copy()
    change = (swapped.astype(np.float32) - crop) * window[..., None]
    part = image[region.top : region.bottom, region.left : region.right]
    to_region = compose(np.array([[1.0, 0, -region.left], [0, 1.0, -region.top]]), invert(affine))
    added = _resample(change, to_region, part.shape)
    if _scale(to_region) > 1:
        added -= _stale_detail(part, crop, change, to_region)
    result = image.copy()
    result[region.top : region.bottom, region.left : region.right] = cv2.add(part, added, dtype=cv2.CV_8U)
    return result


def keep_color(swapped: Image, crop: Image, points: Points) -> Image:
    """Match the swap's skin color to the template's.

    The median of the skin between eyes and mouth is shifted back, in Lab, wherever the swap changed something.

    Args:
        swapped: uint8 (S, S, 3).
        crop: uint8 (S, S, 3), the template.
        points: (5, 2) landmarks in the crop.

    Returns:
        uint8 (S, S, 3).
    """
    before, after = to_lab(crop), to_lab(swapped)
    shift = skin_color(before, points) - skin_color(after, points)
    changed = np.abs(swapped.astype(np.float32) - crop).max(-1)
    share = np.clip(cv2.GaussianBlur(changed, (0, 0), crop.shape[0] / 40) / 8, 0, 1) * face_window(
        points, crop.shape[0]
    )
    return from_lab(np.asarray(after + share[..., None] * shift, dtype=np.float32))


def face_window(points: Points, size_px: int) -> Floats:
    """Weight of the change, (S, S): 1 in the face, 0 away from it and at the crop's border."""
    radius = outline_radius(points, size_px)
    around = np.clip((_ZERO_RADIUS - radius) / (_ZERO_RADIUS - _FULL_RADIUS), 0, 1)
    step = np.minimum(np.arange(size_px), np.arange(size_px)[::-1]) / (_EDGE * size_px)
    border = np.clip(np.minimum(step[:, None], step[None, :]), 0, 1)
    window = around * border
    return np.asarray(window * window * (3 - 2 * window), dtype=np.float32)


def covered(affine: Affine, window: Floats, shape: tuple[int, ...]) -> Region:
    """Bounding rectangle, in an image of this shape, of the nonzero part of a window (S, S)."""
    rows, columns = np.nonzero(window.max(1))[0], np.nonzero(window.max(0))[0]
    left, right, top, bottom = columns[0] - 1.5, columns[-1] + 1.5, rows[0] - 1.5, rows[-1] + 1.5
    corners = apply(invert(affine), np.array([[left, top], [right, top], [left, bottom], [right, bottom]]))
    (first_x, first_y), (last_x, last_y) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    height, width = shape[:2]
    return Region(max(0, int(first_x)), max(0, int(first_y)), min(width, int(last_x)), min(height, int(last_y)))


def _scale(affine: Affine) -> float:
    return float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))


def _resample(values: Floats, affine: Affine, shape: tuple[int, ...]) -> Floats:
    """Resample the crop's values (S, S, C) to the image's pixels; blurred first if the image is coarser."""
    scale = _scale(affine)
    if scale < 1:
        sigma = 0.5 * math.sqrt(1 / scale**2 - 1)
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), max(sigma, 0.01)), dtype=np.float32)
        size = (shape[1], shape[0])
        return np.asarray(cv2.warpAffine(values, affine, size, flags=cv2.INTER_LINEAR), dtype=np.float32)
    return np.asarray(_resample_cubic(values, affine, shape, cv2.BORDER_CONSTANT), dtype=np.float32)


def _resample_cubic(values: Floats | Image, affine: Affine, shape: tuple[int, ...], border: int) -> npt.NDArray[Any]:
    """Resample the crop's values (S, S, C) to the image's pixels with cubic interpolation.

    Beyond _TWO_STEP_SCALE only every other pixel of each side is computed and the rest interpolated linearly, which makes no
    visible difference and takes a third of the time.
    """
    if _scale(affine) < _TWO_STEP_SCALE:
        return np.asarray(
            cv2.warpAffine(values, affine, (shape[1], shape[0]), flags=cv2.INTER_CUBIC, borderMode=border)
        )
    to_half = compose(np.array([[0.5, 0.0, -0.25], [0.0, 0.5, -0.25]]), affine)
    width, height = (shape[1] + 1) // 2, (shape[0] + 1) // 2
    half = cv2.warpAffine(values, to_half, (width, height), flags=cv2.INTER_CUBIC, borderMode=border)
    whole = cv2.resize(half, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole[: shape[0], : shape[1]])


def _stale_detail(part: Image, crop: Image, change: Floats, affine: Affine) -> Floats:
    """Fine detail of the original face in replaced areas, (h, w, 3) gray levels to subtract."""
    low, high = _DETAIL_CHANGE
    size = np.asarray(
        cv2.GaussianBlur(np.abs(change).mean(-1), (0, 0), crop.shape[0] * _DETAIL_SIGMA), dtype=np.float32
    )
    share = np.clip((size - low) / (high - low), 0, 1).astype(np.float32)
    target = (part.shape[1], part.shape[0])
    replaced = cv2.warpAffine(share, affine, target, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    coarse = _resample_cubic(crop, affine, part.shape, cv2.BORDER_REPLICATE)
    detail = cv2.subtract(part, coarse, dtype=cv2.CV_32F)
    return np.asarray(cv2.multiply(detail, cv2.merge([replaced] * 3)), dtype=np.float32)
