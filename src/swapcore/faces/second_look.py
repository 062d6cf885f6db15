"""A second, slower look for faces that the frontal detector overlooks: turned to the side, tilted, dark or partly covered."""

import functools
from typing import Any, Final

import cv2
import dlib
import numpy as np

from swapcore.faces.detect import Box, overlap
from swapcore.faces.dlib_weights import package_file
from swapcore.ops.image import Image

LOOK_PX: Final = 480
"""Longer side of the picture that is looked at: two processor seconds; faces down to about a sixth of it are found."""
_DETECTOR_FILE: Final = "mmod_human_face_detector.dat"
_KNOWN: Final = 0.3
"""Of the smaller box: who overlaps a known face by more is that face."""


def overlooked_faces(image: Image, known: list[Box]) -> list[Box]:
    """Faces of a photograph (H, W, 3) that are none of the known ones, by dlib's convolutional detector (King, 2015).

    It knows faces from every side, at the price of a hundred times the frontal one's work, and says less exactly where they are:
    good enough to blur by, not to align by.
    """
    factor = min(1.0, LOOK_PX / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    seen = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    boxes = [_box(found, factor) for found in _detector()(seen, 0)]
    return [box for box in boxes if all(overlap(box, other) < _KNOWN for other in known)]


def _box(found: Any, factor: float) -> Box:
    place, score = found.rect, float(found.confidence)
    return Box(place.left() / factor, place.top() / factor, place.right() / factor, place.bottom() / factor, score)


@functools.cache
def _detector() -> Any:
    return dlib.cnn_face_detection_model_v1(str(package_file(_DETECTOR_FILE)))
