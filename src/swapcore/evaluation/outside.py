"""What a swap leaves alone and what it changes: differences to the template outside and inside the face."""

import numpy as np
import numpy.typing as npt

from swapcore.data.faces import Face
from swapcore.ops.image import Image
from swapcore.ops.masks import face_mask
from swapcore.ops.metrics import l1

FACE_SOFTNESS = 0.15
HEAD_GROWTH = 1.35
"""The outline that takes in chin, jaw and temples; what lies beyond it has no reason to change."""


def face_region(template: Face) -> npt.NDArray[np.float32]:
    """(S, S) weights, 1 inside the template's face."""
    return face_mask(template.points, template.image.shape[0], softness=FACE_SOFTNESS)


def background_region(template: Face) -> npt.NDArray[np.float32]:
    """(S, S) weights, 1 where neither face nor jaw nor temples are."""
    return 1 - face_mask(template.points, template.image.shape[0], softness=0.0, grow=HEAD_GROWTH)


def outside_l1(swapped: Image, template: Face) -> float | None:
    """Mean absolute difference to the template outside the head's outline, gray levels; None: the face fills the crop."""
    region = background_region(template)
    return l1(swapped, template.image, region) if region.any() else None


def inside_l1(swapped: Image, template: Face) -> float:
    """The same inside the face: how much was changed at all."""
    return l1(swapped, template.image, face_region(template))
