"""Anonymization of one face: swap and check, or blur."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.anonymization.blur import blur_face
from swapcore.anonymization.replacements import SyntheticPerson
from swapcore.anonymization.survey import DetectedFace, eyes_and_nose
from swapcore.faces.detect import Box, detect_at, detect_face_at
from swapcore.faces.extract import AlignedFace, crop_face
from swapcore.faces.mesh.files import is_installed
from swapcore.hub.face_swapper import FaceInImage, FaceSwapper, SwappedFace, face_of_square
from swapcore.inference.image_swapper import paste_face
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image

MAX_COSINE: Final = 0.3
"""Maximum centered cosine of a face after the swap to the same face before; between people the spread is about 0.2."""
CHANCE_COSINE: Final = 0.1
"""Up to this cosine, rank 1 among few originals is taken for chance."""
MAX_LANDMARK_ERROR: Final = 0.15
"""Mean shift of eyes and nose, as a share of the distance between the pupils."""
PASSES: Final = 2
"""The model may be applied to its own result once more, which moves it farther from the original."""
_SEARCH_MARGIN: Final = 0.8
"""Around the box, in box widths, where the swapped face is detected again."""
_SEARCH_PX: Final = 130
"""Face width at which it is detected again; the detector needs 80 px, and larger images take longer."""
_ENLARGED: Final = 1.5
"""Scale of a second try if the first finds nothing."""


class OriginalFaces(NamedTuple):
    """Embeddings of the original faces, for the re-identification test."""

    embeddings: npt.NDArray[np.float32]
    """(N, D), centered, of unit length."""
    people: npt.NDArray[np.str_]
    """(N,) person of each face."""

    def most_similar(self, embedding: npt.NDArray[np.float32]) -> str:
        """Return the person of the most similar original."""
        return str(self.people[int((self.embeddings @ embedding).argmax())])


@dataclass(frozen=True)
class Treated:
    """Result of the anonymization of one face."""

    image: Image
    """uint8 (H, W, 3), the whole image."""
    treatment: str
    """swapped or blurred."""
    reason: str
    """Why it was blurred: the fault of the detected face, or not-found, recognized or moved in the last attempt."""
    attempts: int
    person: int
    """Number of the synthetic person; -1 for a blurred face."""


def treat_face(
    image: Image,
    face: DetectedFace,
    person: str,
    candidates: list[SyntheticPerson],
    model: FaceSwapper,
    originals: OriginalFaces,
) -> Treated:
    """Replace a face by the first candidate that passes the checks, or blur it.

    Args:
        image: uint8 (H, W, 3); other faces in it may have been treated before.
        face: the original face.
        person: the original person.
        candidates: replacements in the order in which they are tried.
        model: swaps and embeds.
        originals: all original faces.
    """
    if face.fault:
        return Treated(blur_face(image, face.bounds), "blurred", face.fault, 0, -1)
    original = FaceInImage(image, crop_face(image, face.bounds, model.size_px))
    reason, attempts = "no-candidate", 0
    for candidate in candidates:
        for result in _passes(model, candidate.face, original):
            attempts += 1
            swapped = paste_face(image, result)
            reason = check_swap(swapped, face, person, model, originals)
            if not reason:
                return Treated(swapped, "swapped", "", attempts, candidate.number)
    return Treated(blur_face(image, face.bounds), "blurred", reason, attempts, -1)


def _passes(model: FaceSwapper, source: FaceInImage, template: FaceInImage) -> Iterator[SwappedFace]:
    """Swap, then apply the model to its own result."""
    result = model.swap_faces([source], [template])[0]
    yield result
    for _ in range(PASSES - 1):
        again = face_of_square(result.after, result.points, model.size_px)
        result = replace(result, after=model.swap_faces([source], [again])[0].after)
        yield result


def check_swap(image: Image, face: DetectedFace, person: str, model: FaceSwapper, originals: OriginalFaces) -> str:
    """Check a swapped face.

    Args:
        image: uint8 (H, W, 3), after the swap.
        face: the original face.
        person: the original person.
        model: embeds the face.
        originals: all original faces.

    Returns:
        not-found, recognized or moved; empty if the swap passes.
    """
    found = find_again(image, face.bounds, model.size_px)
    if found is None:
        return "not-found"
    embedding = model.embed(found.crop[None])[0]
    cosine = float(embedding @ np.array(face.embedding))
    if cosine > MAX_COSINE or (cosine > CHANCE_COSINE and originals.most_similar(embedding) == person):
        return "recognized"
    return "moved" if landmark_error(found, face) > MAX_LANDMARK_ERROR else ""


def find_again(image: Image, box: Box, size_px: int) -> AlignedFace | None:
    """Detect and cut the face at a known place; None if the detector finds none there."""
    if is_installed():
        confirmed = detect_face_at(image, box)
        return None if confirmed is None else first_at([confirmed], image, box, size_px)
    margin = _SEARCH_MARGIN * box.width_px
    left, top = max(0, int(box.left - margin)), max(0, int(box.top - margin))
    region = image[top : max(0, int(box.bottom + margin)), left : max(0, int(box.right + margin))]
    if min(region.shape[:2]) == 0:
        return None
    side_px = max(region.shape[:2]) * _SEARCH_PX / box.width_px
    near = detect_at(region, round(side_px)) or detect_at(region, round(_ENLARGED * side_px))
    found = [Box(b.left + left, b.top + top, b.right + left, b.bottom + top, b.score) for b in near]
    return first_at(found, image, box, size_px)


def first_at(found: list[Box], image: Image, box: Box, size_px: int) -> AlignedFace | None:
    """Cut the first detection at a known place; None if there is none.

    Args:
        found: detections in the image.
        image: uint8 (H, W, 3).
        box: the known place.
        size_px: side of the crop.
    """
    same = [candidate for candidate in found if is_same_place(candidate, box)]
    return crop_face(image, same[0], size_px) if same else None


def is_same_place(first: Box, second: Box) -> bool:
    """Whether two boxes show one face: centers within half a box, sizes within a factor of two."""
    shift = np.hypot(
        first.left + first.right - second.left - second.right, first.top + first.bottom - second.top - second.bottom
    )
    return bool(shift / 2 < 0.5 * second.width_px and 0.5 < first.width_px / second.width_px < 2)


def landmark_error(after: AlignedFace, face: DetectedFace) -> float:
    """Mean shift of eyes and nose, as a share of the distance between the pupils."""
    before: Points = np.array(face.points).reshape(3, 2)
    distance = float(np.linalg.norm(before[1] - before[0]))
    return float(np.linalg.norm(eyes_and_nose(after) - before, axis=1).mean()) / max(distance, 1e-9)
