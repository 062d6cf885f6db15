"""Paste back: what a swap changed in an aligned crop, brought into the whole photograph at the photograph's own resolution."""

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
"""Up to here, in radii of the inner face, a change is brought over whole: chin, jaw and temples lie inside."""
_LAST_RADIUS: Final = 1.7
"""From here on nothing changes: what lies there is hair, neck and background."""
_EDGE: Final = 0.08
"""Of the crop's side: over so much a change fades towards the crop's border."""
_REDRAWN: Final = (6.0, 26.0)
"""Gray levels: where so little is changed the photograph's own fine detail stays, where so much it goes."""
_SPREAD: Final = 1 / 48
"""Of the crop's side: how far the neighborhood reaches whose change decides over the detail."""

_COARSE: Final = 4.0
"""Photograph pixels a crop pixel: from here on a picture is enlarged in two steps."""


class Region(NamedTuple):
    """The part of a photograph that a crop covers."""

    left: int
    top: int
    right: int
    bottom: int


def paste_back(photograph: Image, crop: Image, swapped: Image, points: Points, affine: Affine) -> Image:
    """Bring a swap into the photograph.

    Only the change is brought over, swapped - crop, enlarged: so everything that the model leaves alone, as its mask says, stays
    to the bit. The photograph's detail, which is finer than the crop, stays where little changed (pores, freckles, stubble) and
    goes where a feature was drawn anew, or the old one's edges would show through.

    Args:
        photograph: uint8 (H, W, 3).
        crop: uint8 (S, S, 3), the face as it was cut from the photograph.
        swapped: uint8 (S, S, 3), the model's answer.
        points: (5, 2) key points in the crop.
        affine: (2, 3), photograph to crop.

    Returns:
        A new photograph, uint8 (H, W, 3); pixels out of the face's reach are those of the old one.
    """
    window = face_window(points, crop.shape[0])
    region = covered(affine, window, photograph.shape)
    if region.right <= region.left or region.bottom <= region.top:
        return photograph.copy()
    change = (swapped.astype(np.float32) - crop) * window[..., None]
    seen = photograph[region.top : region.bottom, region.left : region.right]
    to_region = compose(np.array([[1.0, 0, -region.left], [0, 1.0, -region.top]]), invert(affine))
    brought = _enlarged(change, to_region, seen.shape)
    if _scale(to_region) > 1:
        brought -= _stale_detail(seen, crop, change, to_region)
    result = photograph.copy()
    result[region.top : region.bottom, region.left : region.right] = cv2.add(seen, brought, dtype=cv2.CV_8U)
    return result


def keep_color(swapped: Image, crop: Image, points: Points) -> Image:
    """The swap with its skin in the template's color: uint8 (S, S, 3).

    The median of the skin between eyes and mouth is brought back, in Lab, wherever the swap changed something.
    """
    before, after = to_lab(crop), to_lab(swapped)
    shift = skin_color(before, points) - skin_color(after, points)
    changed = np.abs(swapped.astype(np.float32) - crop).max(-1)
    share = np.clip(cv2.GaussianBlur(changed, (0, 0), crop.shape[0] / 40) / 8, 0, 1) * face_window(
        points, crop.shape[0]
    )
    return from_lab(np.asarray(after + share[..., None] * shift, dtype=np.float32))


def face_window(points: Points, size_px: int) -> Floats:
    """Where a change may be brought over: (S, S), 1 in the face, 0 away from it and at the crop's border."""
    radius = outline_radius(points, size_px)
    around = np.clip((_LAST_RADIUS - radius) / (_LAST_RADIUS - _FULL_RADIUS), 0, 1)
    step = np.minimum(np.arange(size_px), np.arange(size_px)[::-1]) / (_EDGE * size_px)
    border = np.clip(np.minimum(step[:, None], step[None, :]), 0, 1)
    window = around * border
    return np.asarray(window * window * (3 - 2 * window), dtype=np.float32)


def covered(affine: Affine, window: Floats, shape: tuple[int, ...]) -> Region:
    """The smallest part of a photograph of this shape that holds all that the window (S, S) lets through."""
    rows, columns = np.nonzero(window.max(1))[0], np.nonzero(window.max(0))[0]
    left, right, top, bottom = columns[0] - 1.5, columns[-1] + 1.5, rows[0] - 1.5, rows[-1] + 1.5
    seen = apply(invert(affine), np.array([[left, top], [right, top], [left, bottom], [right, bottom]]))
    (first_x, first_y), (last_x, last_y) = np.floor(seen.min(0)).astype(int), np.ceil(seen.max(0)).astype(int) + 1
    height, width = shape[:2]
    return Region(max(0, int(first_x)), max(0, int(first_y)), min(width, int(last_x)), min(height, int(last_y)))


def _scale(affine: Affine) -> float:
    return float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))


def _enlarged(values: Floats, affine: Affine, shape: tuple[int, ...]) -> Floats:
    """Values of the crop (S, S, C) at the photograph's pixels; averaged first where the photograph is coarser."""
    scale = _scale(affine)
    if scale < 1:
        sigma = 0.5 * math.sqrt(1 / scale**2 - 1)
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), max(sigma, 0.01)), dtype=np.float32)
        size = (shape[1], shape[0])
        return np.asarray(cv2.warpAffine(values, affine, size, flags=cv2.INTER_LINEAR), dtype=np.float32)
    return np.asarray(_smoothly(values, affine, shape, cv2.BORDER_CONSTANT), dtype=np.float32)


def _smoothly(values: Floats | Image, affine: Affine, shape: tuple[int, ...], border: int) -> npt.NDArray[Any]:
    """The crop's values (S, S, C) at the photograph's pixels, cubic.

    Where the crop is so coarse that straight lines over two pixels cannot be told from the curve, only every other pixel of each
    side is worked out so, in a third of the time.
    """
    if _scale(affine) < _COARSE:
        return np.asarray(
            cv2.warpAffine(values, affine, (shape[1], shape[0]), flags=cv2.INTER_CUBIC, borderMode=border)
        )
    to_half = compose(np.array([[0.5, 0.0, -0.25], [0.0, 0.5, -0.25]]), affine)
    width, height = (shape[1] + 1) // 2, (shape[0] + 1) // 2
    half = cv2.warpAffine(values, to_half, (width, height), flags=cv2.INTER_CUBIC, borderMode=border)
    whole = cv2.resize(half, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole[: shape[0], : shape[1]])


def _stale_detail(seen: Image, crop: Image, change: Floats, affine: Affine) -> Floats:
    """What of the photograph's fine detail belongs to the face that was there: (h, w, 3) gray levels to take away."""
    low, high = _REDRAWN
    size = np.asarray(cv2.GaussianBlur(np.abs(change).mean(-1), (0, 0), crop.shape[0] * _SPREAD), dtype=np.float32)
    share = np.clip((size - low) / (high - low), 0, 1).astype(np.float32)
    target = (seen.shape[1], seen.shape[0])
    redrawn = cv2.warpAffine(share, affine, target, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    coarse = _smoothly(crop, affine, seen.shape, cv2.BORDER_REPLICATE)
    detail = cv2.subtract(seen, coarse, dtype=cv2.CV_32F)
    return np.asarray(cv2.multiply(detail, cv2.merge([redrawn] * 3)), dtype=np.float32)
