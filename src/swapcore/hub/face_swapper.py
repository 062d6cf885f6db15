"""The protocol of a loaded model: faces in, swapped faces out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from swapcore.faces.detect import Box
from swapcore.faces.extract import AlignedFace
from swapcore.faces.recognizer import Embeddings
from swapcore.ops.geometry import Affine, Points, apply, rescale
from swapcore.ops.image import Image, resize

Crops = npt.NDArray[np.uint8]
"""Aligned RGB crops of one size, uint8 (B, S, S, 3)."""


@dataclass(frozen=True)
class FaceInImage:
    """One face and the image that shows it, so that a model can read pixels at the image's own resolution."""

    image: Image
    """uint8 (H, W, 3) RGB."""
    face: AlignedFace
    """Its crop has the side ``FaceSwapper.size_px``; its affine maps points of the image to points of the crop."""


@dataclass(frozen=True)
class SwappedFace:
    """A square of the template's image before and after the swap.

    The square may have any side T and any resolution: ``inference.paste`` adds the difference to the image.
    """

    before: Image
    """uint8 (T, T, 3): the template's face, resampled from its image by ``affine``."""
    after: Image
    """uint8 (T, T, 3): the same pixels with the source's identity."""
    points: Points
    """(5, 2) landmarks of the template in pixels of the square: eyes, nose base, mouth corners."""
    affine: Affine
    """(2, 3): points of the template's image to points of the square."""
    relit: bool = False
    """Whether ``after`` has the template's light and color; otherwise they are matched when the face is pasted."""


def face_of_square(image: Image, points: Points, size_px: int) -> FaceInImage:
    """Make a face of an aligned square, without an image around it.

    Args:
        image: uint8 (T, T, 3), aligned.
        points: (5, 2) landmarks in pixels of the square.
        size_px: side of the face's crop.
    """
    affine = rescale(np.eye(2, 3), image.shape[0], size_px)
    (left, top), (right, bottom) = points.min(0), points.max(0)
    box = Box(float(left), float(top), float(right), float(bottom), 0.0)
    crop = resize(image, size_px)
    return FaceInImage(image, AlignedFace(crop, affine, box, points, apply(affine, points)))


class FaceSwapper(Protocol):
    """What a model reference becomes. ``hub.loading.load_face_swapper`` makes one."""

    size_px: int
    """Side S of the aligned crops that the model was trained on, and at which faces are cut."""
    max_crop_px: int
    """Maximum side of the crops that ``swap_crops`` takes; equal to size_px if it takes no other."""
    relights: bool
    """See ``SwappedFace.relit``."""

    def swap_faces(self, sources: Sequence[FaceInImage], templates: Sequence[FaceInImage]) -> list[SwappedFace]:
        """Put each source's identity onto the template at the same index."""

    def swap_crops(self, sources: Crops, templates: Crops) -> Crops:
        """Do the same for aligned crops without their images: uint8 (B, S, S, 3) each, S from size_px to max_crop_px."""

    def embed(self, crops: Crops, batch_size: int = 16) -> Embeddings:
        """Compute face embeddings, centered and of unit length: float32 (B, D) of uint8 (B, S, S, 3) crops."""
