"""Frontal face detection with dlib at a bounded cost."""

import functools
from typing import Any, Literal, NamedTuple

import cv2
import dlib
import numpy as np

from swapcore.ops.image import Image

SeveralFaces = Literal["largest", "central", "reject"]

_COARSE_SIDE_PX = 320
"""Faces wider than 1/4 of the image are found at this size, and they are larger than any face that is missed."""
_COARSE_MIN_SCORE = 0.5  # detections of the coarse pass with a lower score are not used
_FIRST_SIDE_PX = 1024
"""The detector finds faces from about 80 px: at this size, those wider than 8 % of the image."""
_SECOND_SIDE_PX = 2048
_THIRD_SIDE_PX = 4096
_MAX_OVERLAP = 0.5
"""Detections at two scales that overlap by more are one face."""
_MIN_SIDE_PX = 32  # the detector's pyramid needs a minimum size


class Box(NamedTuple):
    """A detection in pixels of the image; it may extend beyond the image border."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    """dlib's confidence; 0 is its threshold."""

    @property
    def width_px(self) -> float:
        """Width, which equals the height."""
        return self.right - self.left


def detect_faces(image: Image, policy: SeveralFaces) -> list[Box]:
    """Detect the faces that a selection policy needs in an image (H, W, 3), highest score first.

    Large images are downscaled. If no face is found, detection runs once more at twice that size (small images are
    upscaled), so the cost is bounded for every image size. For the policy "largest" a coarse pass runs first; it usually
    finds the face in less than half the time.
    """
    side = max(image.shape[:2])
    if policy == "largest" and side > _COARSE_SIDE_PX:
        boxes = detect_at(image, _COARSE_SIDE_PX)
        if any(box.score >= _COARSE_MIN_SCORE for box in boxes):
            return boxes
    first = min(side, _FIRST_SIDE_PX)
    return detect_at(image, first) or detect_at(image, min(2 * first, _SECOND_SIDE_PX))


def detect_every_face(image: Image, threshold: float = 0.0) -> list[Box]:
    """Detect faces of all sizes in an image (H, W, 3), highest score first, at up to three scales.

    Args:
        image: uint8 (H, W, 3) RGB.
        threshold: minimum score of dlib; values below 0 give more faces and more false detections.
    """
    side = max(image.shape[:2])
    sides = {min(side, _FIRST_SIDE_PX), min(2 * side, _SECOND_SIDE_PX), min(side, _THIRD_SIDE_PX)}
    found = [box for side_px in sorted(sides) for box in detect_at(image, side_px, threshold)]
    kept: list[Box] = []
    for box in sorted(found, key=lambda box: -box.score):
        if all(overlap(box, other) < _MAX_OVERLAP for other in kept):
            kept.append(box)
    return kept


def detect_video_face(image: Image) -> Box | None:
    """Detect the largest face of a video frame (H, W, 3), or return None; a coarse pass, then one at twice the size."""
    side = max(image.shape[:2])
    boxes = detect_at(image, min(side, _COARSE_SIDE_PX)) or detect_at(image, min(side, 2 * _COARSE_SIDE_PX))
    return max(boxes, key=lambda box: box.width_px, default=None)


def overlap(first: Box, second: Box) -> float:
    """Return the intersection of two boxes over the area of the smaller one, 0 to 1."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (first, second)]
    return max(0.0, width) * max(0.0, height) / max(min(areas), 1e-9)


def choose_face(boxes: list[Box], policy: SeveralFaces, image_width: int, image_height: int) -> Box | None:
    """Select one of at least one face, or return None if the policy rejects the image.

    Args:
        boxes: detections, at least one.
        policy: "largest", "central" (nearest to the image center) or "reject" (None for several faces).
        image_width: in pixels.
        image_height: in pixels.
    """
    if policy == "reject" and len(boxes) > 1:
        return None
    if policy == "central":
        center_x, center_y = (image_width - 1) / 2, (image_height - 1) / 2
        return min(
            boxes,
            key=lambda box: (box.left + box.right - 2 * center_x) ** 2 + (box.top + box.bottom - 2 * center_y) ** 2,
        )
    return max(boxes, key=lambda box: box.width_px)


def detect_at(image: Image, side_px: int, threshold: float = 0.0) -> list[Box]:
    """Detect faces in the image resized to a longer side of side_px.

    Args:
        image: uint8 (H, W, 3) RGB.
        side_px: longer side at which the detector runs.
        threshold: minimum score of dlib.

    Returns:
        Boxes in pixels of the given image.
    """
    height, width = image.shape[:2]
    factor = side_px / max(height, width)
    if round(min(height, width) * factor) < _MIN_SIDE_PX:
        return []
    if factor != 1:
        size = (round(width * factor), round(height * factor))
        interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)
    rectangles, scores, _ = _detector().run(image, 0, threshold)
    return [
        Box(r.left() / factor, r.top() / factor, r.right() / factor, r.bottom() / factor, score)
        for r, score in zip(rectangles, scores, strict=True)
    ]


@functools.cache
def _detector() -> Any:
    return dlib.get_frontal_face_detector()
