"""Detection of every face in every image before anything is changed."""

import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from swapcore.anonymization.complexion import measure_complexion
from swapcore.data.images import read_photograph
from swapcore.data.listing import ListedFile
from swapcore.errors import ImageError
from swapcore.faces.detect import Box, detect_every_face, detect_missed_faces
from swapcore.faces.extract import AlignedFace, crop_face
from swapcore.files import to_text
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.references import LocatedModel
from swapcore.inference.finding import find_swap_defect
from swapcore.ops.device import num_inference_processes
from swapcore.ops.geometry import Points, apply, invert
from swapcore.ops.image import Image
from swapcore.parallel import ordered_map
from swapcore.progress import progress

SECOND_DETECTOR = "second-detector"
"""Fault of a face that only the second detector found: it is blurred, because its landmarks are not reliable."""


@dataclass(frozen=True)
class SurveyedFile:
    """A file of the folder."""

    file: str
    sha256: str
    reason: str
    """Why it cannot be anonymized: no-face, not-an-image, truncated …; empty if it can."""
    detail: str


@dataclass(frozen=True)
class DetectedFace:
    """A face of an image."""

    file: str
    number: int
    """Index in its image, by descending detection score."""
    box: list[float]
    """Left, top, right, bottom in pixels of the upright image, then the detection score."""
    fault: str
    """Why it cannot be swapped: too-small, turned or second-detector; empty if it can."""
    points: list[float]
    """x, y of left eye, right eye and nose base, in pixels of the image."""
    embedding: list[float]
    """Centered, of unit length."""
    complexion: list[float] | None = None
    """See ``complexion.Complexion``; None without landmarks."""

    @property
    def bounds(self) -> Box:
        """``box`` as a Box."""
        return Box(*self.box)


@dataclass(frozen=True)
class Surveyor:
    """Detects the faces of one file in a worker process, which loads the model on first use."""

    model: LocatedModel
    device: str

    @cached_property
    def _model(self) -> FaceSwapper:
        return load_face_swapper(self.model, self.device)

    def __call__(self, item: ListedFile) -> tuple[SurveyedFile, list[DetectedFace]]:
        """Detect the faces of a file; a file that cannot be read gets a row with the reason."""
        if item.reason:
            return SurveyedFile(item.name, "", item.reason, f"{item.name}: {item.detail}"), []
        try:
            photograph = read_photograph(item.path)
        except ImageError as error:
            return SurveyedFile(item.name, "", error.reason, to_text(str(error))), []
        faces = self._faces(photograph.image, item.name)
        missing = ("", "") if faces else ("no-face", "no face was found; check the image yourself before you share it")
        return SurveyedFile(item.name, photograph.sha256, *missing), faces

    def _faces(self, image: Image, name: str) -> list[DetectedFace]:
        first = detect_every_face(image)
        second = detect_missed_faces(image, first)
        boxes = [*first, *second]
        cut = [crop_face(image, box, self._model.size_px) for box in boxes]
        if not cut:
            return []
        faults = [(find_swap_defect(face) or ("", ""))[0] for face in cut[: len(first)]] + [SECOND_DETECTOR] * len(
            second
        )
        embeddings = self._model.embed(np.stack([face.crop for face in cut]))
        complexions = [measure_complexion(image, face.mesh) for face in cut]
        return [
            DetectedFace(
                name,
                number,
                [float(value) for value in box],
                fault,
                [float(value) for value in eyes_and_nose(face).ravel()],
                [float(value) for value in embedding],
                None if complexion is None else complexion.tolist(),
            )
            for number, (box, face, fault, embedding, complexion) in enumerate(
                zip(boxes, cut, faults, embeddings, complexions, strict=True)
            )
        ]


def eyes_and_nose(face: AlignedFace) -> Points:
    """Return left eye, right eye and nose base (3, 2) in pixels of the image."""
    return apply(invert(face.affine), face.points[:3])


def survey(
    files: list[ListedFile], model: LocatedModel, device: str, workers: int
) -> tuple[list[SurveyedFile], list[DetectedFace]]:
    """Detect the faces of every file.

    Args:
        files: as listed.
        model: gives the crop size and the embeddings.
        device: where each process runs the model.
        workers: processes; 0 = one per core, and at most four on a GPU.
    """
    processes = num_inference_processes(workers, device)
    found = ordered_map(Surveyor(model, device), files, workers=processes, chunk_size=1)
    results = list(progress(found, "detecting", len(files)))
    return [file for file, _ in results], [face for _, faces in results for face in faces]


def person_folder(file: str) -> str:
    """Return the first folder of a relative name, the person in a folder-per-person set; empty without a folder.

    The name is normalized (Unicode NFC), since file systems differ in it.
    """
    parts = Path(file).parts
    return unicodedata.normalize("NFC", parts[0]) if len(parts) > 1 else ""
