"""Extraction of one aligned face from an image."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from swapcore.errors import FaceError
from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.faces.detect import Box, SeveralFaces, choose_face, detect_faces
from swapcore.faces.landmarks import MOUTH_VIEW_PX, eye_centers, locate_landmarks, mouth_corners
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.find import landmarks_in_box
from swapcore.faces.mesh.five_points import eye_corners_and_nose, five_points
from swapcore.ops.geometry import Affine, Points, apply, compose, invert, rescale, warp
from swapcore.ops.image import Image, resize

MIN_DETECTION_PX = 256
"""The detector needs faces of 80 px: smaller crops are upscaled for detection."""


@dataclass(frozen=True)
class AlignedFace:
    """A face cropped from an image."""

    crop: Image
    """uint8 (S, S, 3) RGB."""
    affine: Affine
    """(2, 3): image to crop."""
    box: Box
    landmarks: Points
    """(5, 2) in the image: left eye outer and inner corner, right eye inner and outer, nose base."""
    points: Points
    """(5, 2) in the crop: left eye, right eye, nose base, left and right mouth corner."""
    mesh: Points | None = None
    """(478, 3) landmarks in the image; None if the face mesh is not installed or does not confirm the face."""


class FoundInCrop(NamedTuple):
    """A face that was detected in an aligned crop."""

    face: AlignedFace
    """Aligned again, at MIN_DETECTION_PX or more."""
    to_image: Affine
    """(2, 3): from its own crop to the image in which it was detected."""


def find_in_crop(image: Image) -> FoundInCrop | None:
    """Detect the face in a crop (S, S, 3) from scratch: a swapped face may be at another position than the original."""
    size_px = max(image.shape[0], MIN_DETECTION_PX)
    try:
        face = extract_face(resize(image, size_px), size_px, "central", Path())
    except FaceError:
        return None
    return FoundInCrop(face, compose(rescale(np.eye(2, 3), size_px, image.shape[0]), invert(face.affine)))


def extract_face(image: Image, size_px: int, several_faces: SeveralFaces, path: Path) -> AlignedFace:
    """Detect, select and align one face.

    Args:
        image: uint8 (H, W, 3) RGB.
        size_px: side of the crop.
        several_faces: how to select one of several faces.
        path: used in error messages only.

    Raises:
        FaceError: no face was found (reason no-face), or several with the policy "reject" (several-faces).
    """
    return crop_face(image, find_face(image, several_faces, path), size_px)


def find_face(image: Image, several_faces: SeveralFaces, path: Path) -> Box:
    """Detect and select one face; arguments and errors as in `extract_face`."""
    boxes = detect_faces(image, several_faces)
    if not boxes:
        raise FaceError(path, "no-face", "no face found; the face must be frontal and not too small")
    box = choose_face(boxes, several_faces, image.shape[1], image.shape[0])
    if box is None:
        raise FaceError(path, "several-faces", f"{len(boxes)} faces found; crop one, or set several_faces")
    return box


def crop_face(image: Image, box: Box, size_px: int) -> AlignedFace:
    """Align and crop the face in a box, by the face mesh if it is installed and confirms the face, or else by dlib's landmarks."""
    mesh = landmarks_in_box(image, box) if is_installed() else None
    if mesh is None:
        return crop_face_with_dlib(image, box, size_px)
    points = five_points(mesh)
    affine = align(points[:NUM_ALIGNMENT_POINTS], size_px)
    crop = warp(image, affine, size_px)
    return AlignedFace(crop, affine, box, eye_corners_and_nose(mesh), apply(affine, points), mesh)


def crop_face_with_dlib(image: Image, box: Box, size_px: int) -> AlignedFace:
    """Align and crop the face in a box by dlib's landmarks."""
    landmarks = locate_landmarks(image, box)
    eyes_and_nose = np.vstack([eye_centers(landmarks), landmarks[4:]])
    affine = align(eyes_and_nose, size_px)
    crop = warp(image, affine, size_px)
    mouth_affine = rescale(affine, size_px, MOUTH_VIEW_PX)
    mouth_view = crop if size_px == MOUTH_VIEW_PX else warp(image, mouth_affine, MOUTH_VIEW_PX)
    mouth = apply(rescale(np.eye(2, 3), MOUTH_VIEW_PX, size_px), mouth_corners(mouth_view))
    return AlignedFace(crop, affine, box, landmarks, np.vstack([apply(affine, eyes_and_nose), mouth]))
