"""One photograph to one aligned face: detect, choose, locate the key points, align, cut."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from swapcore.errors import FaceError
from swapcore.faces.align import align
from swapcore.faces.detect import Box, SeveralFaces, choose_face, detect_faces
from swapcore.faces.landmarks import MOUTH_VIEW_PX, eye_centers, locate_landmarks, mouth_corners
from swapcore.ops.geometry import Affine, Points, apply, compose, invert, rescale, warp
from swapcore.ops.image import Image, resize

MIN_DETECTION_PX = 256
"""The detector wants faces of 80 px: a smaller crop is enlarged before it is looked at."""


@dataclass(frozen=True)
class AlignedFace:
    """A face cut from a photograph."""

    crop: Image
    """uint8 (S, S, 3) RGB."""
    affine: Affine
    """(2, 3): photograph to crop."""
    box: Box
    landmarks: Points
    """(5, 2) dlib's points in the photograph: left eye outer and inner corner, right eye inner and outer, nose base."""
    points: Points
    """(5, 2) in the crop: left eye, right eye, nose base, left and right mouth corner."""


class FoundInCrop(NamedTuple):
    """A face that was looked for in an aligned crop."""

    face: AlignedFace
    """Cut anew, at MIN_DETECTION_PX at least."""
    to_picture: Affine
    """(2, 3): from its own crop to the picture in which it was found."""


def find_in_crop(image: Image) -> FoundInCrop | None:
    """Look for the face in a crop (S, S, 3) as in a photograph: a swapped face may lie elsewhere than the one before."""
    seen_px = max(image.shape[0], MIN_DETECTION_PX)
    try:
        face = extract_face(resize(image, seen_px), seen_px, "central", Path())
    except FaceError:
        return None
    return FoundInCrop(face, compose(rescale(np.eye(2, 3), seen_px, image.shape[0]), invert(face.affine)))


def extract_face(image: Image, size_px: int, several_faces: SeveralFaces, path: Path) -> AlignedFace:
    """The face that counts in a photograph (H, W, 3), aligned; path is named in errors only.

    Raises:
        FaceError: no face was found (reason no-face), or several and the policy is reject (several-faces).
    """
    return cut_face(image, find_face(image, several_faces, path), size_px)


def find_face(image: Image, several_faces: SeveralFaces, path: Path) -> Box:
    """The face that counts; errors as extract_face."""
    boxes = detect_faces(image, several_faces)
    if not boxes:
        raise FaceError(path, "no-face", "no face was found; the face must be frontal and not too small")
    box = choose_face(boxes, several_faces, image.shape[1], image.shape[0])
    if box is None:
        raise FaceError(path, "several-faces", f"{len(boxes)} faces were found; crop one, or set several_faces")
    return box


def cut_face(image: Image, box: Box, size_px: int) -> AlignedFace:
    """Align and cut the face in a box."""
    landmarks = locate_landmarks(image, box)
    eyes_and_nose = np.vstack([eye_centers(landmarks), landmarks[4:]])
    affine = align(eyes_and_nose, size_px)
    crop = warp(image, affine, size_px)
    mouth_affine = rescale(affine, size_px, MOUTH_VIEW_PX)
    mouth_view = crop if size_px == MOUTH_VIEW_PX else warp(image, mouth_affine, MOUTH_VIEW_PX)
    mouth = apply(rescale(np.eye(2, 3), MOUTH_VIEW_PX, size_px), mouth_corners(mouth_view))
    return AlignedFace(crop, affine, box, landmarks, np.vstack([apply(affine, eyes_and_nose), mouth]))
