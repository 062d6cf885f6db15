"""Selection of the faces of an image that are swapped."""

from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from swapcore.errors import FaceError
from swapcore.faces.detect import Box, detect_every_face, detect_faces
from swapcore.faces.extract import AlignedFace, crop_face
from swapcore.faces.quality import measure_quality
from swapcore.hub.face_swapper import FaceInImage
from swapcore.ops.geometry import compose
from swapcore.ops.image import Image

FaceChoice = Literal["one", "largest", "all"] | int
"""one: the image must show exactly one face; N: the N-th from the left, from 1."""
MIN_EYE_DISTANCE_PX: Final = 20.0
"""In the image; the eyes of a smaller face are too coarse for alignment."""
MAX_YAW_DEG: Final = 55.0
"""Estimated; a face that is turned farther shows one eye only, and alignment needs both."""
_CLOSE_UP: Final = 1.5
"""Margin of a close-up on each side, in box widths."""


def select_faces(image: Image, choice: FaceChoice, size_px: int, path: Path) -> list[AlignedFace]:
    """Find, align and check the chosen faces, from left to right.

    Args:
        image: uint8 (H, W, 3).
        choice: which faces.
        size_px: side of the crops.
        path: named in errors only.

    Raises:
        FaceError: reason no-face, several-faces, no-such-face, too-small or turned. With "all", faces that are too small or
            turned are left out as long as one remains.
    """
    boxes = sorted(_detect(image, choice), key=lambda box: box.left + box.right)
    if not boxes:
        raise FaceError(
            path, "no-face", "no face was found; use an image in which the face is larger, better lit or less turned"
        )
    if choice == "all":
        return _usable([crop_face(image, box, size_px) for box in boxes], path)
    face = crop_face(image, _choose(boxes, choice, path), size_px)
    if defect := find_swap_defect(face):
        raise FaceError(path, *defect)
    return [face]


def find_swap_defect(face: AlignedFace) -> tuple[str, str] | None:
    """Return why a face cannot be swapped as (reason, sentence), or None if it can."""
    quality = measure_quality(face)
    if quality.eye_distance_px < MIN_EYE_DISTANCE_PX:
        measured = f"the eyes are {quality.eye_distance_px:.0f} px apart"
        return "too-small", f"{measured}; use a photograph in which they are {MIN_EYE_DISTANCE_PX:.0f} px or more"
    if abs(quality.yaw_deg) > MAX_YAW_DEG:
        return "turned", f"the head is turned by about {abs(quality.yaw_deg):.0f} degrees; use one that shows both eyes"
    return None


def close_up(shown: FaceInImage) -> FaceInImage:
    """Cut the surroundings of a face out of its image: less memory to keep and less to send to other processes."""
    box, (height, width) = shown.face.box, shown.image.shape[:2]
    margin = _CLOSE_UP * box.width_px
    left, top = max(0, int(box.left - margin)), max(0, int(box.top - margin))
    right, bottom = min(width, int(box.right + margin) + 1), min(height, int(box.bottom + margin) + 1)
    moved = replace(
        shown.face,
        affine=compose(shown.face.affine, np.array([[1.0, 0.0, left], [0.0, 1.0, top]])),
        box=box._replace(left=box.left - left, top=box.top - top, right=box.right - left, bottom=box.bottom - top),
        landmarks=shown.face.landmarks - (left, top),
        mesh=None if shown.face.mesh is None else shown.face.mesh - (left, top, 0),
    )
    return FaceInImage(shown.image[top:bottom, left:right].copy(), moved)


def _detect(image: Image, choice: FaceChoice) -> list[Box]:
    if choice in ("one", "largest"):
        return detect_faces(image, "largest" if choice == "largest" else "reject")
    return detect_every_face(image)


def _choose(boxes: list[Box], choice: FaceChoice, path: Path) -> Box:
    if choice == "one" and len(boxes) > 1:
        raise FaceError(
            path,
            "several-faces",
            f"{len(boxes)} faces were found, one is needed; crop the image, or choose one of a template with --face",
        )
    if isinstance(choice, int):
        if not 1 <= choice <= len(boxes):
            raise FaceError(path, "no-such-face", f"there is no face {choice}: {len(boxes)} were found")
        return boxes[choice - 1]
    return max(boxes, key=lambda box: box.width_px)


def _usable(faces: list[AlignedFace], path: Path) -> list[AlignedFace]:
    defects = [find_swap_defect(face) for face in faces]
    usable = [face for face, defect in zip(faces, defects, strict=True) if defect is None]
    first = next((defect for defect in defects if defect), None)
    if not usable and first:
        raise FaceError(path, *first)
    return usable
