"""Groups artifact: a table of sample groups, a table of images, shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from swapcore.data.artifact import Card, artifact_digest, read_card
from swapcore.data.facts import GroupsFacts
from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.data.shards import Place, ShardReader
from swapcore.errors import ArtifactError
from swapcore.ops.geometry import Affine, Points, warp
from swapcore.ops.image import Image
from swapcore.tables import KeyedTable, Table, open_table

INDEX = "index.parquet"
IMAGES = "images.parquet"
LANDMARKS = "landmarks.f32"
"""Mesh landmarks (N, L, 3) in crop pixels (x, y, depth), in the order of IMAGES, NaN if no mesh was found; raw float32. Optional."""
SURFACE = "surface.f32"
"""Exact surface points (N, P, 3) of rendered people: x, y in crop pixels, 1 if visible; raw float32. Optional."""
FAKE_TEMPLATE = "fake-template"
FAKE_LABEL = "fake-label"


@dataclass(frozen=True)
class ImageFacts:
    """What an image of the artifact shows: a real crop or a fake."""

    key: str
    origin: str
    """real or fake."""
    identity: str
    """The person; for a fake, the person of the source."""
    template_identity: str
    """For a fake, the person of its template; for a real crop, equal to identity."""
    split: str
    face_key: str
    """Key of the real crop, or of the fake's template, in the faces artifact."""


@dataclass(frozen=True)
class ImageRow(ImageFacts):
    """One image of the artifact."""

    points: list[float]
    """Five points in crop pixels, as in the faces artifact."""
    alignment: list[float]
    """Row-major (2, 3): from this crop to the crop aligned by the image's own landmarks. The identity for a real crop. A fake is in
    its template's crop, and its landmarks differ from the template's."""
    embedding: list[float]
    """Raw embedding of the image aligned by its own landmarks."""
    shard: str
    offset: int
    size: int


@dataclass(frozen=True)
class GroupRow:
    """One sample group: the model gets (source, template) and should return label."""

    key: str
    kind: str
    """fake-template (the template is a fake, the label real) or fake-label (the label is a fake)."""
    split: str
    source: str
    template: str
    label: str
    """Keys of images."""
    source_identity: str
    template_identity: str
    """The person whose face the template shows; in a fake-template group that is the reference person."""
    accepted: bool
    reason: str
    """Empty, or why the fake was rejected: unchanged, background-changed, wrong-identity."""
    changed_inside: float
    changed_outside: float
    identity_gain: float


class CropRef(NamedTuple):
    """An image of the artifact, possibly realigned."""

    key: str
    aligned_by: str = ""
    """Key of the image whose landmarks align it; empty for the image as stored."""


def realign(image: Image, alignment: Affine) -> Image:
    """Warp a crop (S, S, 3) by an alignment (2, 3), at the same size; edges are replicated."""
    if np.array_equal(alignment, np.eye(2, 3)):
        return image
    return warp(image, alignment, image.shape[0], cv2.INTER_CUBIC)


class GroupCrops:
    """Images of a groups artifact, as stored and as the model gets them."""

    def __init__(self, folder: Path, rows: KeyedTable[ImageRow]) -> None:
        self._rows = rows
        self._reader = ShardReader(folder)
        self._landmarks, self._surface = (
            read_points(folder / name, len(rows), width) for name, width in ((LANDMARKS, 3), (SURFACE, 3))
        )

    def refs(self, row: GroupRow) -> tuple[CropRef, CropRef, CropRef]:
        """Return source, template and label of a group.

        At inference a template is aligned by its own landmarks. Therefore template and label are aligned by the template's
        landmarks, also if the template is a fake: in the label's alignment the model would learn to move every face to the
        aligned position.
        """
        by = row.template if self._needs_alignment(row.template) else ""
        return CropRef(row.source), CropRef(row.template, by), CropRef(row.label, by)

    def _needs_alignment(self, key: str) -> bool:
        return not np.array_equal(self.alignment(key), np.eye(2, 3))

    def alignment(self, key: str) -> Affine:
        """Return the map (2, 3) from an image to the crop aligned by its own landmarks, in pixels; unmoved for no key."""
        if not key:
            return np.eye(2, 3)
        vector = self._rows.table.vector("alignment", self._rows.index(key))
        return np.asarray(vector, dtype=np.float64).reshape(2, 3)

    def numbers(self, refs: Sequence[CropRef]) -> npt.NDArray[np.int64]:
        """Return the numbers of images."""
        return np.array([self._rows.index(ref.key) for ref in refs])

    def stored_points(self, images: npt.NDArray[np.integer]) -> Points:
        """Return the five landmarks (B, 5, 2) of images as stored, in their pixels."""
        return np.stack([self._rows.table.vector("points", int(image)) for image in images]).reshape(-1, 5, 2)

    def stored_landmarks(self, images: npt.NDArray[np.integer]) -> Points | None:
        """Return the mesh landmarks (B, L, 3) of images as stored, NaN where no mesh was found; None if no image has any."""
        return None if self._landmarks is None else self._landmarks[images].astype(np.float64)

    def stored_surface(self, images: npt.NDArray[np.integer]) -> npt.NDArray[np.float32] | None:
        """Return exact surface points (B, P, 3): x, y in pixels, 1 if visible; NaN where unknown, None if for all images."""
        return None if self._surface is None else self._surface[images]

    def _place(self, key: str) -> Place:
        index = self._rows.index(key)
        return Place(*(self._rows.table.value(name, index) for name in Place._fields))

    def image(self, ref: CropRef) -> Image:
        """Read an image, uint8 (S, S, 3) RGB."""
        image = self._reader.read(self._place(ref.key))
        return realign(image, self.alignment(ref.aligned_by)) if ref.aligned_by else image


def read_points(path: Path, num_rows: int, width: int) -> npt.NDArray[np.float32] | None:
    """Memory-map a file of points (num_rows, K, width); None if it does not exist.

    Raises:
        ArtifactError: the file's size does not fit the number of rows.
    """
    if not path.is_file():
        return None
    size = path.stat().st_size
    if not num_rows or size == 0 or size % (4 * num_rows * width):
        raise ArtifactError(f"{path}: {size} bytes do not fit {num_rows} images; run groups again")
    return np.memmap(path, np.float32, "r").reshape(num_rows, -1, width)


class PointsWriter:
    """Writes a file of points row by row; without rows no file is created."""

    def __init__(self, path: Path, num_points: int, width: int) -> None:
        self._path, self._shape = path, (num_points, width)

    def add(self, points: Points | None) -> None:
        """Append a row (num_points, width); None if unknown."""
        row = np.full(self._shape, np.nan) if points is None else points
        with self._path.open("ab") as stream:
            stream.write(np.ascontiguousarray(row, dtype=np.float32).tobytes())


def find_images(
    groups: Table[GroupRow], images: KeyedTable[ImageRow], part: str, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.int32]:
    """Return the numbers of the sources, templates or labels of some groups.

    Raises:
        ArtifactError: an image is not in the table.
    """
    found = pc.index_in(groups.data[part].take(pa.array(rows)), value_set=images.table.data["key"])
    if found.null_count:
        raise ArtifactError(f"{IMAGES}: lacks an image that {INDEX} names; run groups again")
    return np.asarray(found.to_numpy(), dtype=np.int32)


class GroupSet:
    """A groups artifact with random access."""

    def __init__(self, folder: Path) -> None:
        """Open a folder that the groups stage wrote.

        Raises:
            ArtifactError: the artifact is missing, damaged or of another kind.
        """
        self.folder = folder
        self.card: Card[GroupsFacts] = read_card(folder, "groups", GroupsFacts)
        digest = artifact_digest(folder)
        self.rows: Table[GroupRow] = open_table(folder / INDEX, GroupRow, digest)
        self.images = KeyedTable(open_table(folder / IMAGES, ImageRow, digest))
        self.size_px = self.card.facts.size_px
        self.recognizer, self.embedding_mean = read_recognizer_file(folder)
        self.crops = GroupCrops(folder, self.images)

    def accepted(self, split: str) -> list[GroupRow]:
        """Return the accepted groups of one split, in order."""
        return [self.rows[int(index)] for index in self.accepted_indices(split)]

    def accepted_indices(self, split: str, kind: str | None = None) -> npt.NDArray[np.int64]:
        """Return the numbers of the accepted groups of one split, and of one kind if one is given, in order."""
        table = self.rows.data
        chosen = pc.and_(table["accepted"], pc.equal(table["split"], split))
        if kind is not None:
            chosen = pc.and_(chosen, pc.equal(table["kind"], kind))
        return np.flatnonzero(chosen.to_numpy())

    def image_indices(self, part: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Return the numbers of the images of groups.

        Args:
            part: source, template or label.
            rows: numbers of groups.

        Raises:
            ArtifactError: an image is not in the artifact.
        """
        return find_images(self.rows, self.images, part, rows)

    def embedding(self, key: str) -> npt.NDArray[np.float32]:
        """Return the raw embedding of an image, (D,)."""
        return self.embedding_at(self.images.index(key))

    def embedding_at(self, index: int) -> npt.NDArray[np.float32]:
        """Return the raw embedding of an image by its number, (D,)."""
        return self.images.table.vector("embedding", index).astype(np.float32)
