"""Grouping of faces by person: by folder, otherwise by embedding."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.anonymization.complexion import Complexion
from swapcore.anonymization.survey import DetectedFace, person_folder
from swapcore.ops.embedding import unit_length

SAME_PERSON: Final = 0.6
"""Minimum centered cosine of one person; it is about 0.9 within a person and about 0 between people."""
Vector = npt.NDArray[np.float64]


class FaceKey(NamedTuple):
    """Identifies a face: its file, and its number in the file."""

    file: str
    number: int


def name_people(faces: list[DetectedFace]) -> dict[FaceKey, str]:
    """Assign a person to every face.

    The largest face of an image in a sub-folder is the person of that folder. Every other face joins the person whose mean
    embedding is most similar, or starts a new one, `?1`, `?2` …
    """
    main = _main_faces(faces)
    names = {key: person_folder(key.file) for key in main}
    groups: dict[str, list[Vector]] = {}
    for face in faces:
        if name := names.get(FaceKey(face.file, face.number)):
            groups.setdefault(name, []).append(np.array(face.embedding))
    sums = {name: np.sum(group, axis=0) for name, group in groups.items()}
    for face in faces:
        key = FaceKey(face.file, face.number)
        if key not in names:
            names[key] = _join(sums, np.array(face.embedding))
    return names


def mean_embeddings(faces: list[DetectedFace], names: dict[FaceKey, str]) -> dict[str, Vector]:
    """Compute each person's mean embedding (D,), of unit length."""
    sums: dict[str, Vector] = {}
    for face in faces:
        name = names[FaceKey(face.file, face.number)]
        sums[name] = sums.get(name, np.zeros(len(face.embedding))) + np.array(face.embedding)
    return {name: unit_length(total) for name, total in sums.items()}


def mean_complexions(faces: list[DetectedFace], names: dict[FaceKey, str]) -> dict[str, Complexion]:
    """Compute each person's mean complexion, of the faces of which it was measured."""
    measured: dict[str, list[list[float]]] = {}
    for face in faces:
        if face.complexion is not None:
            measured.setdefault(names[FaceKey(face.file, face.number)], []).append(face.complexion)
    return {name: np.mean(group, axis=0) for name, group in measured.items()}


def _main_faces(faces: list[DetectedFace]) -> list[FaceKey]:
    """Return the largest face of each image in a person's folder."""
    largest: dict[str, DetectedFace] = {}
    for face in faces:
        known = largest.get(face.file)
        if person_folder(face.file) and (known is None or face.bounds.width_px > known.bounds.width_px):
            largest[face.file] = face
    return [FaceKey(face.file, face.number) for face in largest.values()]


def _join(sums: dict[str, Vector], embedding: Vector) -> str:
    """Add an embedding to the most similar person's sum, or start a new person; return the name."""
    names = list(sums)
    if names:
        cosines = np.stack([unit_length(sums[name]) for name in names]) @ embedding
        best = int(cosines.argmax())
        if cosines[best] >= SAME_PERSON:
            sums[names[best]] = sums[names[best]] + embedding
            return names[best]
    name = f"?{sum(known.startswith('?') for known in names) + 1}"
    sums[name] = embedding
    return name
