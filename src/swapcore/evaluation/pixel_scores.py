"""Pixel differences of swapped images to template and true swap."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.data.faces import Face
from swapcore.ops.image import Image
from swapcore.ops.masks import face_mask
from swapcore.ops.metrics import l1, psnr, ssim

FACE_SOFTNESS = 0.15
HEAD_GROWTH = 1.35
"""Growth of the face outline to include chin, jaw and temples; pixels outside it should not change."""
MAX_PSNR_DB = 100.0
"""PSNR of equal images, so that means stay finite; one gray level everywhere is 48 dB."""


class TruthScore(NamedTuple):
    """Distance of a swapped image to the true swap; the fields are those of ScoreRow."""

    truth_psnr: float
    truth_ssim: float
    truth_l1: float
    truth_psnr_face: float
    truth_ssim_face: float
    truth_l1_face: float


def face_region(template: Face) -> npt.NDArray[np.float32]:
    """Return weights (S, S), 1 inside the template's face."""
    return face_mask(template.points, template.image.shape[0], softness=FACE_SOFTNESS)


def background_region(template: Face) -> npt.NDArray[np.float32]:
    """Return weights (S, S), 1 outside face, jaw and temples."""
    return 1 - face_mask(template.points, template.image.shape[0], softness=0.0, grow=HEAD_GROWTH)


def outside_l1(swapped: Image, template: Face) -> float | None:
    """Return the mean absolute difference to the template outside the head in gray levels; None if the face fills the crop."""
    region = background_region(template)
    return l1(swapped, template.image, region) if region.any() else None


def inside_l1(swapped: Image, template: Face) -> float:
    """Return the mean absolute difference to the template inside the face in gray levels."""
    return l1(swapped, template.image, face_region(template))


def score_truth(swapped: Image, true: Image, template: Face) -> TruthScore:
    """Compare a swapped image with the true swap over the crop and inside the template's face.

    Args:
        swapped: uint8 (S, S, 3).
        true: uint8 (S, S, 3).
        template: gives the face region, since pose and position are the template's.
    """
    region = face_region(template)
    return TruthScore(
        truth_psnr=min(MAX_PSNR_DB, psnr(swapped, true)),
        truth_ssim=ssim(swapped, true),
        truth_l1=l1(swapped, true),
        truth_psnr_face=min(MAX_PSNR_DB, psnr(swapped, true, region)),
        truth_ssim_face=ssim(swapped, true, region),
        truth_l1_face=l1(swapped, true, region),
    )
