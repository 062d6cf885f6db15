"""CNN face detection for faces that the frontal detector misses."""

import functools
from typing import Any, Final

import cv2
import dlib
import numpy as np

from swapcore.faces.detect import Box, overlap
from swapcore.faces.dlib_weights import package_file
from swapcore.ops.image import Image

CNN_INPUT_PX: Final = 480
"""Longer side of the detector's input: about two CPU seconds; finds faces from about 1/6 of that side."""
_DETECTOR_FILE: Final = "mmod_human_face_detector.dat"
_MAX_OVERLAP: Final = 0.3
"""Detections that overlap a known face by more (share of the smaller box) are that face."""


def find_missed_faces(image: Image, known: list[Box]) -> list[Box]:
    """Detect the faces of an image (H, W, 3) that are not among the known ones, by dlib's CNN (King, 2015).

    It finds profile, tilted, dark and partly covered faces at about 100 times the cost of the frontal detector. Its boxes
    are less exact: good enough for blurring, not for alignment.
    """
    factor = min(1.0, CNN_INPUT_PX / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    resized = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    boxes = [_box(detection, factor) for detection in _detector()(resized, 0)]
    return [box for box in boxes if all(overlap(box, other) < _MAX_OVERLAP for other in known)]


def _box(detection: Any, factor: float) -> Box:
    rect, score = detection.rect, float(detection.confidence)
    return Box(rect.left() / factor, rect.top() / factor, rect.right() / factor, rect.bottom() / factor, score)


@functools.cache
def _detector() -> Any:
    return dlib.cnn_face_detection_model_v1(str(package_file(_DETECTOR_FILE)))
