"""Where faces are in a photograph: dlib's frontal detector, at a bounded cost for photographs of any size."""

import functools
from typing import Any, Literal, NamedTuple

import cv2
import dlib
import numpy as np

from swapcore.ops.image import Image

SeveralFaces = Literal["largest", "central", "reject"]

_GLANCE_SIDE_PX = 320
"""A glance finds faces wider than a quarter of the picture: whoever is found so is larger than whoever is not."""
_GLANCE_SCORE = 0.5  # less certain than this, the glance is not trusted
_FIRST_SIDE_PX = 1024
"""The detector finds faces from about 80 px, so a first look at this size finds those wider than 8 % of the picture."""
_SECOND_SIDE_PX = 2048
_THIRD_SIDE_PX = 4096
_SAME_FACE = 0.5
"""Detections that overlap by more are one face, seen at two sizes."""
_MIN_SIDE_PX = 32  # a thinner picture shows no face, and the detector's pyramid needs some pixels


class Box(NamedTuple):
    """A detection, in pixels of the photograph; it may reach over the edge."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    """dlib's confidence; 0 is its threshold."""

    @property
    def width_px(self) -> float:
        """Of a square box, so its height too."""
        return self.right - self.left


def detect_faces(image: Image, policy: SeveralFaces) -> list[Box]:
    """Find the faces in a photograph (H, W, 3) that the policy has to know of, the most certain first.

    Large photographs are looked at in a smaller version; where that shows nobody, once more at twice the size (a small
    photograph enlarged), so that the time is bounded whatever the photograph. Where only the largest face counts, a glance at a
    small version comes first, and most often suffices in less than half the time.
    """
    side = max(image.shape[:2])
    if policy == "largest" and side > _GLANCE_SIDE_PX:
        boxes = detect_at(image, _GLANCE_SIDE_PX)
        if any(box.score >= _GLANCE_SCORE for box in boxes):
            return boxes
    first = min(side, _FIRST_SIDE_PX)
    return detect_at(image, first) or detect_at(image, min(2 * first, _SECOND_SIDE_PX))


def detect_every_face(image: Image, threshold: float = 0.0) -> list[Box]:
    """Find faces of all sizes in a photograph (H, W, 3), the most certain first, in up to four times the pixels of a first look.

    Args:
        image: the photograph.
        threshold: of dlib's confidence; below 0 more is found, faces and what is none.
    """
    side = max(image.shape[:2])
    sides = {min(side, _FIRST_SIDE_PX), min(2 * side, _SECOND_SIDE_PX), min(side, _THIRD_SIDE_PX)}
    found = [box for looked in sorted(sides) for box in detect_at(image, looked, threshold)]
    kept: list[Box] = []
    for box in sorted(found, key=lambda box: -box.score):
        if all(overlap(box, other) < _SAME_FACE for other in kept):
            kept.append(box)
    return kept


def detect_video_face(image: Image) -> Box | None:
    """The largest face of a video's frame (H, W, 3), or None, at a cost that every frame can bear: a glance, and one look closer."""
    side = max(image.shape[:2])
    boxes = detect_at(image, min(side, _GLANCE_SIDE_PX)) or detect_at(image, min(side, 2 * _GLANCE_SIDE_PX))
    return max(boxes, key=lambda box: box.width_px, default=None)


def overlap(first: Box, second: Box) -> float:
    """The common area as a share of the smaller box's."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (first, second)]
    return max(0.0, width) * max(0.0, height) / max(min(areas), 1e-9)


def choose_face(boxes: list[Box], policy: SeveralFaces, image_width: int, image_height: int) -> Box | None:
    """The face that counts in a photograph with one or more, or None if the policy rejects it."""
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
    """Detections in the picture resized to a longer side of side_px, in pixels of the given one."""
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
