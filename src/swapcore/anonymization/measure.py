"""Metrics of one anonymized face, measured on the written file."""

from dataclasses import dataclass

import numpy as np

from swapcore.anonymization.survey import DetectedFace, eyes_and_nose
from swapcore.anonymization.treat import OriginalFaces, Treated, first_at
from swapcore.faces.align import align
from swapcore.faces.detect import Box
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.ops.geometry import warp
from swapcore.ops.image import Image


@dataclass(frozen=True)
class FaceResult:
    """One face, before and after."""

    file: str
    number: int
    person: str
    """The folder's name, or a question mark and the number of the group."""
    treatment: str
    """swapped or blurred."""
    reason: str
    """Why it was blurred."""
    attempts: int
    synthetic_person: int
    """-1: none."""
    changed: float
    """Mean |after - before| in the face's box, gray levels."""
    found: bool
    """Whether the detector finds the face after."""
    cosine: float
    """Centered, of the face after to the face before."""
    recognized: bool
    """Whether the most similar original face of the whole set shows the same person."""
    eyes_error: float
    """Mean shift of the eyes, as a share of the distance between the pupils; nan if the face is not found."""
    nose_error: float
    """The same for the nose base."""


@dataclass(frozen=True)
class ImagePair:
    """An image before and after, and the faces that are detected after."""

    before: Image
    after: Image
    boxes_after: list[Box]


def measure_face(
    face: DetectedFace, person: str, treated: Treated, pair: ImagePair, model: FaceSwapper, originals: OriginalFaces
) -> FaceResult:
    """Measure one face.

    A face that is not detected after is cut where it was before, since an attacker may have the original landmarks.

    Args:
        face: the original face.
        person: the original person.
        treated: the result of ``treat_face``.
        pair: the whole image before and after.
        model: embeds the faces.
        originals: all original faces.
    """
    points = np.array(face.points).reshape(3, 2)
    found = first_at(pair.boxes_after, pair.after, face.bounds, model.size_px)
    crop = found.crop if found else warp(pair.after, align(points, model.size_px), model.size_px)
    embedding = model.embed(crop[None])[0]
    errors = [float("nan")] * 2
    if found is not None:
        shifts = np.linalg.norm(eyes_and_nose(found) - points, axis=1) / np.linalg.norm(points[1] - points[0])
        errors = [float(shifts[:2].mean()), float(shifts[2])]
    return FaceResult(
        file=face.file,
        number=face.number,
        person=person,
        treatment=treated.treatment,
        reason=treated.reason,
        attempts=treated.attempts,
        synthetic_person=treated.person,
        changed=_mean_change(face, pair),
        found=found is not None,
        cosine=float(embedding @ np.array(face.embedding)),
        recognized=originals.most_similar(embedding) == person,
        eyes_error=errors[0],
        nose_error=errors[1],
    )


def _mean_change(face: DetectedFace, pair: ImagePair) -> float:
    left, top = (max(0, int(value)) for value in (face.bounds.left, face.bounds.top))
    right, bottom = (max(1, int(value)) for value in (face.bounds.right, face.bounds.bottom))
    difference = np.abs(pair.before[top:bottom, left:right].astype(np.int16) - pair.after[top:bottom, left:right])
    return float(difference.mean()) if difference.size else 0.0
