"""One face: swapped until nothing recognizes it and everything still finds it, or blurred."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.anonymization.blur import blur_face
from swapcore.anonymization.replacements import SyntheticPerson
from swapcore.anonymization.survey import FaceSeen, eyes_and_nose
from swapcore.faces.detect import Box, detect_at
from swapcore.faces.extract import AlignedFace, cut_face
from swapcore.hub.face_swapper import FaceInImage, FaceSwapper, SwappedFace
from swapcore.hub.native_crop import cut_native
from swapcore.inference.image_swapper import paste_face
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image

MAX_COSINE: Final = 0.3
"""Of a face after the swap to the same face before; different people's spread is about 0.2."""
CHANCE_COSINE: Final = 0.1
"""Up to here a face that comes first among few originals comes first by chance; among many, it does not come first."""
MAX_KEY_POINT_ERROR: Final = 0.15
"""Mean shift of eyes and nose, as a share of the pupils' distance."""
PASSES: Final = 2
"""The model's answer may be given to it once more, which takes it farther from the original."""
_AROUND: Final = 0.8
"""Of the box: how far around a face it is looked for again."""
_SOUGHT_PX: Final = 130
"""Width that the face is given when it is looked for again: the detector wants 80, and takes its time for more."""
_CLOSER: Final = 1.5


class Gallery(NamedTuple):
    """The originals, among whom an anonymized face must not be found."""

    embeddings: npt.NDArray[np.float32]
    """(N, D), centered and of length 1."""
    people: npt.NDArray[np.str_]
    """(N,)."""

    def names_first(self, embedding: npt.NDArray[np.float32]) -> str:
        """Whom the most similar original shows."""
        return str(self.people[int((self.embeddings @ embedding).argmax())])


@dataclass(frozen=True)
class Treated:
    """What became of a face."""

    image: Image
    """The photograph."""
    treatment: str
    """swapped or blurred."""
    reason: str
    """Why it was blurred: too-small, turned, not-found, recognized or moved, of the last attempt."""
    attempts: int
    person: int
    """Number of the synthetic person; -1 where there is none."""


def treat_face(
    photograph: Image,
    seen: FaceSeen,
    name: str,
    candidates: list[SyntheticPerson],
    swapper: FaceSwapper,
    gallery: Gallery,
) -> Treated:
    """Replace a face by the first candidate that passes the checks, or blur it.

    Args:
        photograph: (H, W, 3), in which other faces may have been treated before.
        seen: the face as it was.
        name: whose it is.
        candidates: in the order in which they are tried.
        swapper: the model.
        gallery: the originals.
    """
    if seen.fault:
        return Treated(blur_face(photograph, seen.place), "blurred", seen.fault, 0, -1)
    face = cut_face(photograph, seen.place, swapper.size_px)
    cut = cut_native(FaceInImage(photograph, face), swapper.max_crop_px)
    reason, attempts = "no-candidate", 0
    for candidate in candidates:
        crop = cut.crop
        for _ in range(PASSES):
            attempts += 1
            crop = swapper.swap_crops(candidate.crop[None], crop[None])[0]
            image = paste_face(photograph, SwappedFace(cut.crop, crop, cut.points, cut.affine, relit=swapper.relights))
            reason = examine(image, seen, name, swapper, gallery)
            if not reason:
                return Treated(image, "swapped", "", attempts, candidate.number)
    return Treated(blur_face(photograph, seen.place), "blurred", reason, attempts, -1)


def examine(image: Image, seen: FaceSeen, name: str, swapper: FaceSwapper, gallery: Gallery) -> str:
    """Why a swapped face will not do, or an empty word."""
    again = find_again(image, seen.place, swapper.size_px)
    if again is None:
        return "not-found"
    embedding = swapper.embed(again.crop[None])[0]
    cosine = float(embedding @ np.array(seen.embedding))
    if cosine > MAX_COSINE or (cosine > CHANCE_COSINE and gallery.names_first(embedding) == name):
        return "recognized"
    return "moved" if key_point_error(again, seen) > MAX_KEY_POINT_ERROR else ""


def find_again(image: Image, box: Box, size_px: int) -> AlignedFace | None:
    """The face that the detector finds where one was, or None."""
    margin = _AROUND * box.width_px
    left, top = max(0, int(box.left - margin)), max(0, int(box.top - margin))
    region = image[top : max(0, int(box.bottom + margin)), left : max(0, int(box.right + margin))]
    if min(region.shape[:2]) == 0:
        return None
    side_px = max(region.shape[:2]) * _SOUGHT_PX / box.width_px
    near = detect_at(region, round(side_px)) or detect_at(region, round(_CLOSER * side_px))
    found = [Box(b.left + left, b.top + top, b.right + left, b.bottom + top, b.score) for b in near]
    return first_at(found, image, box, size_px)


def first_at(found: list[Box], image: Image, box: Box, size_px: int) -> AlignedFace | None:
    """The first detection that is at a face's place, cut, or None."""
    same = [each for each in found if is_same_place(each, box)]
    return cut_face(image, same[0], size_px) if same else None


def is_same_place(first: Box, second: Box) -> bool:
    """Whether two boxes show one face: centers nearer than half a box, sizes not twofold apart."""
    shift = np.hypot(
        first.left + first.right - second.left - second.right, first.top + first.bottom - second.top - second.bottom
    )
    return bool(shift / 2 < 0.5 * second.width_px and 0.5 < first.width_px / second.width_px < 2)


def key_point_error(face: AlignedFace, seen: FaceSeen) -> float:
    """Mean shift of eyes and nose, as a share of the pupils' distance."""
    before: Points = np.array(seen.points).reshape(3, 2)
    distance = float(np.linalg.norm(before[1] - before[0]))
    return float(np.linalg.norm(eyes_and_nose(face) - before, axis=1).mean()) / max(distance, 1e-9)
