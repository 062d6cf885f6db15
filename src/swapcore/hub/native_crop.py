"""Aligned crops at the resolution of their images."""

import math
from typing import NamedTuple

import numpy as np

from swapcore.hub.face_swapper import FaceInImage, FaceSwapper
from swapcore.ops.geometry import Affine, Points, apply, rescale, warp
from swapcore.ops.image import Image


class NativeCrop(NamedTuple):
    """An aligned face at the resolution of its image."""

    crop: Image
    """uint8 (T, T, 3)."""
    points: Points
    """(5, 2) landmarks in pixels of the crop."""
    affine: Affine
    """(2, 3): points of the image to points of the crop."""


def crop_native(shown: FaceInImage, max_px: int) -> NativeCrop:
    """Cut a face at the resolution of its image.

    Args:
        shown: the face; the side of its crop is the minimum of T.
        max_px: the maximum of T; larger faces are reduced to it.
    """
    face, size_px = shown.face, shown.face.crop.shape[0]
    scale = math.sqrt(abs(float(np.linalg.det(face.affine[:, :2]))))
    native_px = min(max(size_px, round(size_px / scale)), max_px)
    if native_px <= size_px:
        return NativeCrop(face.crop, face.points, face.affine)
    affine = rescale(face.affine, size_px, native_px)
    points = apply(rescale(np.eye(2, 3), size_px, native_px), face.points)
    return NativeCrop(warp(shown.image, affine, native_px), points, affine)


def side_for(swapper: FaceSwapper, size_px: int) -> int:
    """Return the side nearest to size_px at which a model swaps crops."""
    return min(max(size_px, swapper.size_px), swapper.max_crop_px)
