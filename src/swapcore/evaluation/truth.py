"""Distance to the true swap, where it can be rendered: over the whole crop and inside the face."""

from typing import NamedTuple

from swapcore.data.faces import Face
from swapcore.evaluation.outside import face_region
from swapcore.ops.image import Image
from swapcore.ops.metrics import l1, psnr, ssim

MAX_PSNR_DB = 100.0
"""What an equal picture scores, so that a mean of figures stays finite; one gray level everywhere is 48 dB."""


class TruthScore(NamedTuple):
    """How near a swapped picture is to the true one."""

    psnr: float
    ssim: float
    l1: float
    psnr_face: float
    ssim_face: float
    l1_face: float


def score_truth(swapped: Image, true: Image, template: Face) -> TruthScore:
    """Compare with the truth; the face is the template's, since pose and place are the template's."""
    region = face_region(template)
    return TruthScore(
        psnr=min(MAX_PSNR_DB, psnr(swapped, true)),
        ssim=ssim(swapped, true),
        l1=l1(swapped, true),
        psnr_face=min(MAX_PSNR_DB, psnr(swapped, true, region)),
        ssim_face=ssim(swapped, true, region),
        l1_face=l1(swapped, true, region),
    )
