"""FFHQ-like alignment template and the similarity transforms to it."""

from typing import Final

import numpy as np

from swapcore.ops.geometry import Affine, Points, apply, compose, rescale, similarity_transform

TEMPLATE_PX: Final = 512
"""The crop size at which the constants below are given; pixel centers, as everywhere."""

NUM_ALIGNMENT_POINTS: Final = 3
"""Number of landmarks that alignment uses: both eye centers and the nose base."""

_TEMPLATE: Final = np.array(
    [
        [192.98, 239.95],
        [318.90, 240.19],
        # dlib's nose base is lower than FFHQ's nose tip: this is its mean position over the annotated London set.
        [256.63, 333.07],
        [201.26, 371.41],
        [313.09, 371.15],
    ]
)
_CHIP_SCALE: Final = 0.4394
_CHIP_SHIFT: Final = (-39.43, -61.71)
_ARCFACE_PX: Final = 112
_ARCFACE: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
_IDENTITY: Final = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

CHIP_PX: Final = 150
"""Side of the square input of dlib's recognizer."""


def template_points(size_px: int) -> Points:
    """Return the mean landmarks (5, 2) in a crop of size_px: left eye, right eye, nose base, left and right mouth corner."""
    return apply(rescale(_IDENTITY, TEMPLATE_PX, size_px), _TEMPLATE)


def align(points: Points, size_px: int) -> Affine:
    """Return the least-squares similarity (2, 3) from image to crop that maps a face's points to the template.

    Args:
        points: (3, 2) left eye center, right eye center and nose base in the image, in pixels. The nose base
            keeps the scale stable when the head turns and the projected eye distance shrinks. The mouth is not used
            because it moves with the expression.
        size_px: side of the crop.
    """
    return similarity_transform(points, template_points(size_px)[: len(points)])


def recognizer_chip(size_px: int) -> Affine:
    """Return the affine (2, 3) from an aligned crop of size_px to the 150 px chip that dlib's recognizer was trained on.

    Calibrated on `dlib.get_face_chip`, including the half-pixel offset of its sampler. Any other framing, such as a
    plain resize of the crop, lowers recognition accuracy.
    """
    at_template = np.array([[_CHIP_SCALE, 0.0, _CHIP_SHIFT[0]], [0.0, _CHIP_SCALE, _CHIP_SHIFT[1]]])
    return compose(at_template, rescale(_IDENTITY, size_px, TEMPLATE_PX))


def arcface_chip(size_px: int, chip_px: int) -> Affine:
    """Return the affine (2, 3) from an aligned crop of size_px to the framing of ArcFace recognizers.

    Fits eyes and mouth corners to the reference points of Deng et al., "ArcFace", CVPR 2019 (defined at 112 px). The nose
    is not used: our third landmark is the nose base, theirs is the tip.
    """
    points = [0, 1, 3, 4]
    at_template = similarity_transform(template_points(size_px)[points], _ARCFACE[points])
    return rescale(at_template, _ARCFACE_PX, chip_px)
