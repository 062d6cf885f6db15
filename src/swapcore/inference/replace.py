"""One face of a photograph replaced, at the photograph's own resolution where the model can."""

import math
from typing import Final, NamedTuple

import numpy as np

from swapcore.faces.extract import AlignedFace
from swapcore.hub.swapper import Swapper
from swapcore.inference.paste import keep_color, paste_back
from swapcore.ops.geometry import Affine, Points, apply, rescale, warp
from swapcore.ops.image import Image

MAX_COMPOSED_PX: Final = 2048
"""Crops are composed at most at this size; larger faces lose detail above it."""


_UNCHANGED: Final = np.eye(2, 3)


class Cut(NamedTuple):
    """A face cut from a photograph for a swap."""

    crop: Image
    """uint8 (S, S, 3)."""
    points: Points
    """(5, 2) in the crop."""
    affine: Affine
    """(2, 3), photograph to crop."""


def cut_to_compose(swapper: Swapper, photograph: Image, face: AlignedFace) -> Cut:
    """Cut a face at the photograph's own resolution, or at the model's size where it predicts pixels.

    Args:
        swapper: the model.
        photograph: (H, W, 3).
        face: as cut at the model's size.
    """
    size_px = face.crop.shape[0]
    scale = math.sqrt(abs(face.affine[0, 0] * face.affine[1, 1] - face.affine[0, 1] * face.affine[1, 0]))
    own_px = min(max(size_px, round(size_px / scale)), MAX_COMPOSED_PX)
    if not swapper.composes or own_px == size_px:
        return Cut(face.crop, face.points, face.affine)
    affine = rescale(face.affine, size_px, own_px)
    points = apply(rescale(_UNCHANGED, size_px, own_px), face.points)
    return Cut(warp(photograph, affine, own_px), points, affine)


def paste_swap(swapper: Swapper, photograph: Image, cut: Cut, swapped: Image) -> Image:
    """Bring a swapped crop back; models that predict pixels get the template's skin color first."""
    if not swapper.composes:
        swapped = keep_color(swapped, cut.crop, cut.points)
    return paste_back(photograph, cut.crop, swapped, cut.points, cut.affine)


def replace_face(swapper: Swapper, photograph: Image, face: AlignedFace, source: Image) -> Image:
    """Replace one face of a photograph.

    Args:
        swapper: the model.
        photograph: uint8 (H, W, 3).
        face: which one.
        source: aligned crop of the source, uint8 (R, R, 3), as ``cut_to_compose`` gives it.

    Returns:
        uint8 (H, W, 3).
    """
    cut = cut_to_compose(swapper, photograph, face)
    return paste_swap(swapper, photograph, cut, swapper.swap(source[None], cut.crop[None])[0])
