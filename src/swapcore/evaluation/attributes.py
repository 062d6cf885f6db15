"""Whether the swapped picture holds the template's pose: key points and head angles found anew in both."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from swapcore.errors import FaceError
from swapcore.faces.extract import extract_face
from swapcore.faces.quality import measure_quality
from swapcore.ops.geometry import Points, apply, compose, invert, rescale
from swapcore.ops.image import Image, resize

MIN_DETECTION_PX = 256
"""The detector wants faces of 80 px: a smaller crop is enlarged first."""


@dataclass(frozen=True)
class Look:
    """What a detector finds in a picture."""

    points: Points
    """(N, 2) key points in pixels of the picture, always the same N in the same order; the eyes' middles come first."""
    yaw_deg: float
    roll_deg: float


Locate = Callable[[Image], Look | None]
"""A picture to what was found in it; None where no face is."""


class AttributeScore(NamedTuple):
    """How far the swapped face is from the template's."""

    landmark_error: float
    """Mean distance of the key points, percent of the template's eye distance."""
    yaw_error_deg: float
    roll_error_deg: float


def score_attributes(swapped: Look, template: Look) -> AttributeScore:
    """Compare what one detector found in both pictures, so that its own error is the same on both sides."""
    eye_distance = float(np.linalg.norm(template.points[1] - template.points[0]))
    distance = float(np.linalg.norm(swapped.points - template.points, axis=1).mean())
    turn = (swapped.roll_deg - template.roll_deg + 180) % 360 - 180
    return AttributeScore(100 * distance / eye_distance, abs(swapped.yaw_deg - template.yaw_deg), abs(turn))


def locate_face(image: Image) -> Look | None:
    """Look for the face in a picture (S, S, 3) as crop does in a photograph: None if there is none."""
    size_px = image.shape[0]
    seen_px = max(size_px, MIN_DETECTION_PX)
    try:
        face = extract_face(resize(image, seen_px), seen_px, "central", Path())
    except FaceError:
        return None
    quality = measure_quality(face)
    to_image = compose(rescale(np.eye(2, 3), seen_px, size_px), invert(face.affine))
    return Look(apply(to_image, face.points), quality.yaw_deg, quality.roll_deg)
