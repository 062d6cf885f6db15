"""Every face of every photograph, before anything is changed: where it is, whose features it has, and whether it can be swapped."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from swapcore.data.images import read_photograph
from swapcore.errors import ImageError
from swapcore.faces.cnn_detector import find_missed_faces
from swapcore.faces.detect import Box, detect_every_face
from swapcore.faces.extract import AlignedFace, cut_face
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.references import LocatedModel
from swapcore.inference.finding import find_defect
from swapcore.inference.listing import ListedFile
from swapcore.ops.geometry import Points, apply, invert
from swapcore.ops.image import Image
from swapcore.parallel import ordered_map
from swapcore.progress import progress

SECOND_LOOK = "second-look"
"""The fault of a face that only the second look found: there is no telling how well it could be swapped, so it is blurred."""


@dataclass(frozen=True)
class FileSeen:
    """A file of the folder."""

    file: str
    sha256: str
    reason: str
    """Why it holds nothing to be anonymized: no-face, not-a-photograph, truncated …; empty where it does."""
    detail: str


@dataclass(frozen=True)
class FaceSeen:
    """A face of a photograph."""

    file: str
    number: int
    """In its photograph, the most certain first."""
    box: list[float]
    """Left, top, right, bottom, score: in pixels of the upright photograph."""
    fault: str
    """Why it cannot be swapped: too-small, turned or second-look; empty where it can."""
    points: list[float]
    """x, y of left eye, right eye and nose base, in the photograph."""
    embedding: list[float]
    """Centered and of length 1."""

    @property
    def place(self) -> Box:
        """The box."""
        return Box(*self.box)


@dataclass(frozen=True)
class Surveyor:
    """Looks at one file, in a process of its own."""

    model: LocatedModel

    @cached_property
    def _swapper(self) -> FaceSwapper:
        return load_face_swapper(self.model, "cpu")

    def __call__(self, item: ListedFile) -> tuple[FileSeen, list[FaceSeen]]:
        """What there is to see; a file that cannot be read is a row with the reason."""
        if not item.is_image:
            return FileSeen(item.name, "", "not-a-photograph", "by its name; it was left out"), []
        try:
            photograph = read_photograph(item.path)
        except ImageError as error:
            return FileSeen(item.name, "", error.reason, str(error)), []
        faces = self._faces(photograph.image, item.name)
        missing = (
            ("", "")
            if faces
            else ("no-face", "no face was found; look at it, and share it yourself only if it shows nobody")
        )
        return FileSeen(item.name, photograph.sha256, *missing), faces

    def _faces(self, image: Image, name: str) -> list[FaceSeen]:
        seen = detect_every_face(image)
        overlooked = find_missed_faces(image, seen)
        boxes = [*seen, *overlooked]
        cut = [cut_face(image, box, self._swapper.size_px) for box in boxes]
        if not cut:
            return []
        faults = [(find_defect(face) or ("", ""))[0] for face in cut[: len(seen)]] + [SECOND_LOOK] * len(overlooked)
        embeddings = self._swapper.embed(np.stack([face.crop for face in cut]))
        return [
            FaceSeen(
                name,
                number,
                [float(value) for value in box],
                fault,
                [float(value) for value in eyes_and_nose(face).ravel()],
                [float(value) for value in embedding],
            )
            for number, (box, face, fault, embedding) in enumerate(zip(boxes, cut, faults, embeddings, strict=True))
        ]


def eyes_and_nose(face: AlignedFace) -> Points:
    """(3, 2) left eye, right eye and nose base in the photograph."""
    return apply(invert(face.affine), face.points[:3])


def survey(files: list[ListedFile], model: LocatedModel, workers: int) -> tuple[list[FileSeen], list[FaceSeen]]:
    """Look at every file, in processes."""
    seen = ordered_map(Surveyor(model), files, workers=workers, chunk_size=1)
    results = list(progress(seen, "looking", len(files)))
    return [file for file, _ in results], [face for _, faces in results for face in faces]


def folder_of(file: str) -> str:
    """The first folder of a name, which names the person in a folder-per-person set; empty for a file outside of any."""
    parts = Path(file).parts
    return parts[0] if len(parts) > 1 else ""
