"""Aligned crops at an image's own resolution."""

import math
from typing import NamedTuple

import numpy as np

from swapcore.hub.face_swapper import FaceInImage, FaceSwapper
from swapcore.ops.geometry import Affine, Points, apply, rescale, warp
from swapcore.ops.image import Image


class NativeCrop(NamedTuple):
    """An aligned face whose pixels are about as large as its image's."""

    crop: Image
    """uint8 (T, T, 3)."""
    points: Points
    """(5, 2) landmarks in pixels of the crop."""
    affine: Affine
    """(2, 3): points of the image to points of the crop."""


def cut_native(shown: FaceInImage, max_px: int) -> NativeCrop:
    """Cut a face at its image's own resolution.

    Args:
        shown: the face; its crop's side is the least T.
        max_px: the largest T; larger faces are shrunk to it.
    """
    face, size_px = shown.face, shown.face.crop.shape[0]
    scale = math.sqrt(abs(float(np.linalg.det(face.affine[:, :2]))))
    own_px = min(max(size_px, round(size_px / scale)), max_px)
    if own_px <= size_px:
        return NativeCrop(face.crop, face.points, face.affine)
    affine = rescale(face.affine, size_px, own_px)
    points = apply(rescale(np.eye(2, 3), size_px, own_px), face.points)
    return NativeCrop(warp(shown.image, affine, own_px), points, affine)


def side_for(swapper: FaceSwapper, size_px: int) -> int:
    """The side nearest to size_px at which a model swaps crops."""
    return min(max(size_px, swapper.size_px), swapper.max_crop_px)
