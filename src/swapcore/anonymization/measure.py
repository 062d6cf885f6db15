"""What an anonymized photograph still gives away: read from its file as a stranger would, and compared with the original."""

from dataclasses import dataclass

import numpy as np

from swapcore.anonymization.survey import FaceSeen, eyes_and_nose
from swapcore.anonymization.treat import Gallery, first_at
from swapcore.faces.align import align
from swapcore.faces.detect import Box
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.ops.geometry import warp
from swapcore.ops.image import Image


@dataclass(frozen=True)
class FaceRow:
    """One face, before and after."""

    file: str
    number: int
    person: str
    """The folder's name, or a cluster's number behind a question mark."""
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
    """Whether the detector still finds it."""
    cosine: float
    """Centered, of the face after to the face before."""
    recognized: bool
    """Whether the most similar original face in the whole set shows the same person."""
    eyes_error: float
    """Mean shift of the eyes, as a share of the pupils' distance; nan where the face is not found."""
    nose_error: float


def measure_face(
    seen: FaceSeen, name: str, before: Image, after: Image, found: list[Box], swapper: FaceSwapper, gallery: Gallery
) -> tuple[float, bool, float, bool, float, float]:
    """The figures of a FaceRow from `changed` on; found are all faces that the detector sees in the photograph after.

    A face that is not found is cut where it was, as somebody would who has the original's key points.
    """
    points = np.array(seen.points).reshape(3, 2)
    again = first_at(found, after, seen.place, swapper.size_px)
    crop = again.crop if again else warp(after, align(points, swapper.size_px), swapper.size_px)
    embedding = swapper.embed(crop[None])[0]
    errors = [float("nan")] * 2
    if again is not None:
        shifts = np.linalg.norm(eyes_and_nose(again) - points, axis=1) / np.linalg.norm(points[1] - points[0])
        errors = [float(shifts[:2].mean()), float(shifts[2])]
    recognized = gallery.names_first(embedding) == name
    cosine = float(embedding @ np.array(seen.embedding))
    return _change(seen, before, after), again is not None, cosine, recognized, errors[0], errors[1]


def _change(seen: FaceSeen, before: Image, after: Image) -> float:
    left, top = (max(0, int(value)) for value in (seen.place.left, seen.place.top))
    right, bottom = (max(1, int(value)) for value in (seen.place.right, seen.place.bottom))
    difference = np.abs(before[top:bottom, left:right].astype(np.int16) - after[top:bottom, left:right])
    return float(difference.mean()) if difference.size else 0.0
