"""Which faces of a photograph are meant, cut and checked: one, the largest, the N-th from the left, or all of them."""

from pathlib import Path
from typing import Final, Literal

from swapcore.errors import FaceError
from swapcore.faces.detect import Box, detect_every_face, detect_faces
from swapcore.faces.extract import AlignedFace, cut_face
from swapcore.faces.quality import measure_quality
from swapcore.ops.image import Image

FaceChoice = Literal["one", "largest", "all"] | int
"""one: the photograph must show one face; N: the N-th from the left, from 1."""
MIN_EYE_DISTANCE_PX: Final = 20.0
"""In the photograph; a smaller face has no eyes to align by."""
MAX_YAW_DEG: Final = 55.0
"""Estimated; a head turned farther shows half a face, and crops are cut by both eyes."""


def find_faces(image: Image, choice: FaceChoice, size_px: int, path: Path) -> list[AlignedFace]:
    """The faces that are meant, from left to right, cut to size_px.

    Args:
        image: uint8 (H, W, 3).
        choice: which.
        size_px: side of the crops.
        path: named in errors only.

    Raises:
        FaceError: no-face, several-faces, no-such-face, too-small or turned. With "all", faces that are too small or turned are
            left out, as long as one remains.
    """
    boxes = sorted(_detect(image, choice), key=lambda box: box.left + box.right)
    if not boxes:
        raise FaceError(path, "no-face", "no face was found; it must be frontal, upright and not too small")
    if choice == "all":
        return _usable([cut_face(image, box, size_px) for box in boxes], path)
    face = cut_face(image, _chosen(boxes, choice, path), size_px)
    if fault := find_defect(face):
        raise FaceError(path, *fault)
    return [face]


def find_defect(face: AlignedFace) -> tuple[str, str] | None:
    """Why a face cannot be swapped, as (reason, sentence), or None."""
    quality = measure_quality(face)
    if quality.eye_distance_px < MIN_EYE_DISTANCE_PX:
        measured = f"the eyes are {quality.eye_distance_px:.0f} px apart"
        return "too-small", f"{measured}; use a photograph in which they are {MIN_EYE_DISTANCE_PX:.0f} px or more"
    if abs(quality.yaw_deg) > MAX_YAW_DEG:
        return "turned", f"the head is turned by about {abs(quality.yaw_deg):.0f} degrees; use one that shows both eyes"
    return None


def _detect(image: Image, choice: FaceChoice) -> list[Box]:
    if choice in ("one", "largest"):
        return detect_faces(image, "largest" if choice == "largest" else "reject")
    return detect_every_face(image)


def _chosen(boxes: list[Box], choice: FaceChoice, path: Path) -> Box:
    if choice == "one" and len(boxes) > 1:
        raise FaceError(
            path,
            "several-faces",
            f"{len(boxes)} faces were found where one is meant; crop it, or for a template say --face",
        )
    if isinstance(choice, int):
        if not 1 <= choice <= len(boxes):
            raise FaceError(path, "no-such-face", f"face {choice} was asked for, {len(boxes)} were found")
        return boxes[choice - 1]
    return max(boxes, key=lambda box: box.width_px)


def _usable(faces: list[AlignedFace], path: Path) -> list[AlignedFace]:
    faults = [find_defect(face) for face in faces]
    usable = [face for face, fault in zip(faces, faults, strict=True) if fault is None]
    first = next((fault for fault in faults if fault), None)
    if not usable and first:
        raise FaceError(path, *first)
    return usable
