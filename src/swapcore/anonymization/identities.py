"""Who is the same person: by folder where photographs are sorted so, by face features everywhere else."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.anonymization.survey import FaceSeen, folder_of

SAME_PERSON: Final = 0.6
"""Centered cosine: photographs of one person lie about 0.9 apart, of two about 0."""
Vector = npt.NDArray[np.float64]


class Face(NamedTuple):
    """What names a face."""

    file: str
    number: int


def name_people(faces: list[FaceSeen]) -> dict[Face, str]:
    """A person for every face.

    The largest face of a photograph in a sub-folder is the person of that folder. Every other face joins the person whose mean
    features it resembles, or becomes a new one, `?1`, `?2` …
    """
    main = _main_faces(faces)
    names = {face: folder_of(face.file) for face in main}
    groups: dict[str, list[Vector]] = {}
    for seen in faces:
        if name := names.get(Face(seen.file, seen.number)):
            groups.setdefault(name, []).append(np.array(seen.embedding))
    sums = {name: np.sum(group, axis=0) for name, group in groups.items()}
    for seen in faces:
        face = Face(seen.file, seen.number)
        if face not in names:
            names[face] = _join(sums, np.array(seen.embedding))
    return names


def mean_features(faces: list[FaceSeen], names: dict[Face, str]) -> dict[str, Vector]:
    """Each person's mean direction, of length 1."""
    sums: dict[str, Vector] = {}
    for seen in faces:
        name = names[Face(seen.file, seen.number)]
        sums[name] = sums.get(name, np.zeros(len(seen.embedding))) + np.array(seen.embedding)
    return {name: _unit(total) for name, total in sums.items()}


def _main_faces(faces: list[FaceSeen]) -> list[Face]:
    """The largest face of each photograph that lies in a person's folder."""
    largest: dict[str, FaceSeen] = {}
    for seen in faces:
        known = largest.get(seen.file)
        if folder_of(seen.file) and (known is None or seen.place.width_px > known.place.width_px):
            largest[seen.file] = seen
    return [Face(seen.file, seen.number) for seen in largest.values()]


def _join(sums: dict[str, Vector], embedding: Vector) -> str:
    """The nearest person, whose sum grows, or a new one."""
    names = list(sums)
    if names:
        cosines = np.stack([_unit(sums[name]) for name in names]) @ embedding
        best = int(cosines.argmax())
        if cosines[best] >= SAME_PERSON:
            sums[names[best]] = sums[names[best]] + embedding
            return names[best]
    name = f"?{sum(known.startswith('?') for known in names) + 1}"
    sums[name] = embedding
    return name


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
