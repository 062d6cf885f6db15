"""Faces artifact: a table of aligned faces, a table of rejected photographs, shards."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swapcore.data.artifact import Card, artifact_digest, read_card
from swapcore.data.facts import FacesFacts
from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.data.shards import Place, ShardReader
from swapcore.ops.geometry import Affine, Points, apply, compose, rescale
from swapcore.ops.image import Image, resize
from swapcore.tables import Table, open_table

INDEX = "index.parquet"
QUARANTINE = "quarantine.parquet"


@dataclass(frozen=True)
class FaceRow:
    """One aligned face; coordinates in pixels of the photograph unless stated otherwise."""

    key: str
    file: str
    """Path in the manifest, relative to the photographs' folder."""
    identity: str
    split: str
    photo_sha256: str
    photo_width: int
    photo_height: int
    box: list[float]
    """left, top, right, bottom of the detection."""
    landmarks: list[float]
    """x, y of dlib's five landmarks: left eye outer and inner corner, right eye inner and outer corner, nose base."""
    affine: list[float]
    """Row-major (2, 3): photograph to crop."""
    crop_points: list[float]
    """x, y in the crop of: left eye, right eye, nose base, left and right mouth corner (left = left in the image)."""
    eye_distance_px: float
    sharpness: float
    brightness: float
    clipped: float
    yaw_deg: float
    roll_deg: float
    perceptual_hash: str
    """64 bits as 16 hex digits."""
    embedding: list[float]
    """Raw embedding of the crop; subtract the mean in recognizer.json before computing a cosine."""
    identity_cosine: float | None
    """Centered cosine to the mean of the person's other faces; None for a person with one photograph."""
    consent_basis: str
    consent_licence: str
    shard: str
    offset: int
    size: int


@dataclass(frozen=True)
class QuarantineRow:
    """One rejected photograph."""

    file: str
    identity: str
    reason: str
    """Reason as one word, e.g. no-face, unreadable, too-small, near-duplicate, no-consent."""
    detail: str


@dataclass(frozen=True)
class Face:
    """An aligned face with its image."""

    key: str
    identity: str
    split: str
    file: str
    image: Image
    """uint8 (S, S, 3) RGB."""
    points: Points
    """(5, 2) in crop pixels: left eye, right eye, nose base, left and right mouth corner."""
    affine: Affine
    """(2, 3): photograph to crop."""
    embedding: npt.NDArray[np.float32]
    """(D,), raw embedding."""


def at_size(face: Face, size_px: int) -> Face:
    """Resize a face's crop to size_px; points and affine are scaled accordingly."""
    scaling = rescale(np.eye(2, 3), face.image.shape[0], size_px)
    return replace(
        face,
        image=resize(face.image, size_px),
        points=apply(scaling, face.points),
        affine=compose(scaling, face.affine),
    )


def load_face(row: FaceRow, reader: ShardReader) -> Face:
    """Load the face of a row from the artifact's shards."""
    return Face(
        key=row.key,
        identity=row.identity,
        split=row.split,
        file=row.file,
        image=reader.read(Place(row.shard, row.offset, row.size)),
        points=np.asarray(row.crop_points, dtype=np.float64).reshape(5, 2),
        affine=np.asarray(row.affine, dtype=np.float64).reshape(2, 3),
        embedding=np.asarray(row.embedding, dtype=np.float32),
    )


class FaceSet:
    """A faces artifact with random access."""

    def __init__(self, folder: Path) -> None:
        """Open a folder that the crop stage wrote.

        Raises:
            ArtifactError: the artifact is missing, damaged or of another kind.
        """
        self.folder = folder
        self.card: Card[FacesFacts] = read_card(folder, "faces", FacesFacts)
        self.rows: Table[FaceRow] = open_table(folder / INDEX, FaceRow, artifact_digest(folder))
        self.size_px = self.card.facts.size_px
        self.recognizer, self.embedding_mean = read_recognizer_file(folder)
        self.reader = ShardReader(folder)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Face:
        return load_face(self.rows[index], self.reader)

    def of_split(self, split: str) -> list[int]:
        """Return the indices of the faces of one split, in order."""
        return [i for i, own in enumerate(self.rows.column("split")) if own == split]
