"""Face detection by the face mesh, or by dlib's frontal detector where the mesh is not installed or finds no face."""

import functools
from typing import Any, Literal, NamedTuple

import cv2
import dlib
import numpy as np

from swapcore.faces.mesh.files import is_installed
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
    """Confidence: 0 to 1 from the mesh's detectors; from dlib, 0 is the threshold."""
    roll_deg: float = 0.0
    """Rotation of the face, positive = clockwise; 0 from dlib."""

    @property
    def width_px(self) -> float:
        """Width, which equals the height."""
        return self.right - self.left


def detect_faces(image: Image, policy: SeveralFaces) -> list[Box]:
    """Detect the faces that a selection policy needs in an image (H, W, 3), largest or most certain first."""
    return _mesh_boxes(image, every=policy != "largest") or _detect_with_dlib(image, policy)


def detect_every_face(image: Image) -> list[Box]:
    """Detect faces of all sizes in an image (H, W, 3), largest or most certain first."""
    return _mesh_boxes(image, every=True) or _detect_every_with_dlib(image)


def detect_missed_faces(image: Image, known: list[Box]) -> list[Box]:
    """Detect what may be further faces, in profile or partly covered: good enough to blur, not to align.

    Detections that the mesh did not confirm, or, without the mesh, those of dlib's CNN detector, which is a hundred times slower.

    Args:
        image: uint8 (H, W, 3) RGB.
        known: faces that are not returned again.
    """
    if is_installed():
        from swapcore.faces.mesh.find import unconfirmed_faces  # imports this module

        return unconfirmed_faces(image, known)
    from swapcore.faces.cnn_detector import find_missed_faces  # imports this module

    return find_missed_faces(image, known)


def detect_face_at(image: Image, box: Box) -> Box | None:
    """Confirm with the mesh, which must be installed, that there is a face in a box, and return the face's own box."""
    from swapcore.faces.mesh.find import box_of_points, landmarks_in_box  # imports this module

    points = landmarks_in_box(image, box)
    return None if points is None else box_of_points(points, 1.0)


def detect_video_face(image: Image, before: Box | None = None) -> Box | None:
    """Detect the largest face of a video frame (H, W, 3), or return None.

    Args:
        image: the frame.
        before: the face in the previous frame. The mesh tracks it; detection runs only where the mesh loses the face.
    """
    if not is_installed():
        return _detect_video_face_with_dlib(image)
    found = None if before is None else detect_face_at(image, before)
    return found or max(_mesh_boxes(image, every=False), key=lambda box: box.width_px, default=None)


def _mesh_boxes(image: Image, *, every: bool) -> list[Box]:
    """Detect the faces that the mesh confirms; none where it is not installed."""
    if not is_installed():
        return []
    from swapcore.faces.mesh.find import find_faces  # imports this module

    return [face.box for face in find_faces(image, every=every)]


def _detect_with_dlib(image: Image, policy: SeveralFaces) -> list[Box]:
    """Detect with dlib, highest score first.

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


def _detect_every_with_dlib(image: Image) -> list[Box]:
    """Detect with dlib at up to three scales, highest score first."""
    side = max(image.shape[:2])
    sides = {min(side, _FIRST_SIDE_PX), min(2 * side, _SECOND_SIDE_PX), min(side, _THIRD_SIDE_PX)}
    found = [box for side_px in sorted(sides) for box in detect_at(image, side_px)]
    kept: list[Box] = []
    for box in sorted(found, key=lambda box: -box.score):
        if all(overlap(box, other) < _MAX_OVERLAP for other in kept):
            kept.append(box)
    return kept


def _detect_video_face_with_dlib(image: Image) -> Box | None:
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
