"""Where a face's points lie in the FFHQ-like aligned crop, and the similarity that brings a photograph there."""

from typing import Final

import numpy as np

from swapcore.ops.geometry import Affine, Points, apply, compose, rescale, similarity_transform

TEMPLATE_PX: Final = 512
"""The crop size at which the constants below are given; pixel centers, as everywhere."""

ALIGNED_BY: Final = 3
"""So many of a face's five points decide on its crop: both eyes and the nose base."""

_TEMPLATE: Final = np.array(
    [
        [192.98, 239.95],
        [318.90, 240.19],
        # dlib's nose base sits below FFHQ's nose tip: its mean place over the hand-marked photographs of the London set.
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
"""Side of the square that dlib's recognizer looks at."""


def template_points(size_px: int) -> Points:
    """Mean places (5, 2) of left eye, right eye, nose base, left and right mouth corner in a crop of size_px."""
    return apply(rescale(_IDENTITY, TEMPLATE_PX, size_px), _TEMPLATE)


def align(points: Points, size_px: int) -> Affine:
    """The similarity (2, 3), photograph to crop, that brings a face's points nearest to the template.

    Args:
        points: (3, 2) left eye center, right eye center and nose base in the photograph, in pixels. The nose base
            keeps the scale right when the head turns and the eyes come close together. The mouth takes no part:
            it moves with the expression.
        size_px: side of the crop.
    """
    return similarity_transform(points, template_points(size_px)[: len(points)])


def recognizer_chip(size_px: int) -> Affine:
    """The affine (2, 3) from an aligned crop of size_px to the 150 px chip that dlib's recognizer was trained on.

    Calibrated on dlib's own chips (`dlib.get_face_chip`), half-pixel offset of its sampler included: feeding the network
    another framing, a plain resize of the crop for instance, loses identities.
    """
    at_template = np.array([[_CHIP_SCALE, 0.0, _CHIP_SHIFT[0]], [0.0, _CHIP_SCALE, _CHIP_SHIFT[1]]])
    return compose(at_template, rescale(_IDENTITY, size_px, TEMPLATE_PX))


def arcface_chip(size_px: int, chip_px: int) -> Affine:
    """The affine (2, 3) from an aligned crop of size_px to the framing of recognizers of the ArcFace family.

    Eyes and mouth corners are brought to the places of Deng et al., "ArcFace", CVPR 2019 (given at 112 px); the nose takes
    no part, since our third point is the nose base and theirs the tip.
    """
    points = [0, 1, 3, 4]
    at_template = similarity_transform(template_points(size_px)[points], _ARCFACE[points])
    return rescale(at_template, _ARCFACE_PX, chip_px)
