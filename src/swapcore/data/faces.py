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
_MESH_UNITS = 2**13


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
    # Not in artifacts of earlier versions, and None where the face mesh is not installed or does not confirm the face.
    pitch_deg: float | None = None
    """Positive = head bent down."""
    expression: list[float] | None = None
    """Mouth opening and width, eye opening, brow height, percent of the distance of the outer eye corners; gaze across and
    down, percent of an eye's width."""
    mesh: bytes | None = None
    """Landmarks in the crop, see ``encode_mesh``."""


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
    mesh: Points | None = None
    """(478, 3) landmarks of the face mesh in crop pixels, where known."""
    attitude: tuple[float, ...] | None = None
    """Yaw and pitch in degrees and the six numbers of expression (``FaceRow.expression``), where known."""


def at_size(face: Face, size_px: int) -> Face:
    """Resize a face's crop to size_px; points and affine are scaled accordingly."""
    scaling = rescale(np.eye(2, 3), face.image.shape[0], size_px)
    return replace(
        face,
        image=resize(face.image, size_px),
        points=apply(scaling, face.points),
        affine=compose(scaling, face.affine),
        mesh=None if face.mesh is None else _transformed(face.mesh, scaling),
    )


def encode_mesh(mesh: Points, affine: Affine, size_px: int) -> bytes:
    """Encode landmarks (478, 3) of a photograph as x, y and depth in its crop: 478 x 3 int16, little-endian.

    Args:
        mesh: in pixels of the photograph.
        affine: (2, 3), photograph to crop.
        size_px: side of the crop; the unit is 1 / 8192 of it, which is 0.03 px at 256 px.
    """
    units = np.round(_transformed(mesh, affine) * (_MESH_UNITS / size_px))
    return np.clip(units, -(2**15), 2**15 - 1).astype("<i2").tobytes()


def decode_mesh(data: bytes, size_px: int) -> Points:
    """Decode ``encode_mesh``: (478, 3) in pixels of a crop of the side size_px."""
    return np.frombuffer(data, "<i2").reshape(-1, 3).astype(np.float64) * (size_px / _MESH_UNITS)


def _transformed(mesh: Points, affine: Affine) -> Points:
    scale = float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    return np.column_stack([apply(affine, mesh[:, :2]), mesh[:, 2] * scale])


def load_face(row: FaceRow, reader: ShardReader) -> Face:
    """Load the face of a row from the artifact's shards."""
    image = reader.read(Place(row.shard, row.offset, row.size))
    return Face(
        key=row.key,
        identity=row.identity,
        split=row.split,
        file=row.file,
        image=image,
        points=np.asarray(row.crop_points, dtype=np.float64).reshape(5, 2),
        affine=np.asarray(row.affine, dtype=np.float64).reshape(2, 3),
        embedding=np.asarray(row.embedding, dtype=np.float32),
        mesh=None if row.mesh is None else decode_mesh(row.mesh, image.shape[0]),
        attitude=None if row.expression is None else (row.yaw_deg, row.pitch_deg or 0.0, *row.expression),
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
