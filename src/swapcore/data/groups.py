"""The groups artifact: sample groups as rows that name images; real crops and fakes lie once each in shards."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.data.artifact import Card, read_card
from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.data.shards import Place, ShardReader
from swapcore.errors import ArtifactError
from swapcore.ops.geometry import Affine, Points, apply, compose, invert, warp
from swapcore.ops.image import Image
from swapcore.tables import read_table

INDEX = "index.parquet"
IMAGES = "images.parquet"
LANDMARKS = "landmarks.f32"
"""Mesh points (N, L, 2) in crop pixels, rows as in IMAGES, NaN where no mesh was found; raw float32. Optional."""
SURFACE = "surface.f32"
"""Exact surface points (N, P, 3) of rendered people: x and y in crop pixels, 1 where the image shows them; raw. Optional."""
FAKE_TEMPLATE = "fake-template"
FAKE_LABEL = "fake-label"


@dataclass(frozen=True)
class ImageRow:
    """One picture of the artifact: a real crop or a fake."""

    key: str
    origin: str
    """real or fake."""
    identity: str
    """Whom it shows; for a fake, whose face was put in."""
    template_identity: str
    """For a fake, the person of its template; for a real crop, the same as identity."""
    split: str
    face_key: str
    """Key in the faces artifact of the real crop, or of the fake's template."""
    points: list[float]
    """Five points in crop pixels, as in the faces artifact."""
    alignment: list[float]
    """Row-major (2, 3): from this crop to the one that its own key points ask for. Another face on a head moves them, so that a
    fake, which lies in its template's crop, would have been cut in another place; the identity for a real crop."""
    embedding: list[float]
    """Raw face features, of the picture as its own key points ask for it."""
    shard: str
    offset: int
    size: int


@dataclass(frozen=True)
class GroupRow:
    """One sample group: the model sees (source, template) and must give back label."""

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
    """Whom the template shows: for fake-template groups the reference person's face was put in."""
    accepted: bool
    reason: str
    """Empty, or why the fake was rejected: unchanged, background-changed, wrong-identity."""
    changed_inside: float
    changed_outside: float
    identity_gain: float


class Cut(NamedTuple):
    """A picture as the model sees it."""

    key: str
    by: str = ""
    """The picture by whose key points it is cut anew; empty for a picture as it lies in the artifact."""


def cut_anew(image: Image, alignment: Affine) -> Image:
    """A crop (S, S, 3) moved to where an alignment (2, 3) has it, of the same size; edges are replicated."""
    if np.array_equal(alignment, np.eye(2, 3)):
        return image
    return warp(image, alignment, image.shape[0], cv2.INTER_CUBIC)


class Pictures:
    """The pictures of a groups artifact, in the shards and as the model sees them."""

    def __init__(self, folder: Path, rows: dict[str, ImageRow]) -> None:
        self._rows = rows
        self._reader = ShardReader(folder)
        self._place = {key: place for place, key in enumerate(rows)}
        self._landmarks, self._surface = (
            read_points(folder / name, len(rows), width) for name, width in ((LANDMARKS, 2), (SURFACE, 3))
        )

    def cuts(self, row: GroupRow) -> tuple[Cut, Cut, Cut]:
        """Source, template and label of a group.

        At use a template is cut by its own key points, whatever face comes onto it. So template and label are both cut by
        the template's, a fake one's too: were it left in the label's crop, the model would learn to move every face to
        where crops have it.
        """
        by = row.template if self._moves(row.template) else ""
        return Cut(row.source), Cut(row.template, by), Cut(row.label, by)

    def _moves(self, key: str) -> bool:
        return not np.array_equal(self._alignment(key), np.eye(2, 3))

    def _alignment(self, key: str) -> Affine:
        return np.asarray(self._rows[key].alignment, dtype=np.float64).reshape(2, 3)

    def own_alignment(self, cut: Cut) -> Affine:
        """(2, 3), in pixels: from a picture as it is cut to the crop that its own key points ask for."""
        own = self._alignment(cut.key)
        return compose(own, invert(self._alignment(cut.by))) if cut.by else own

    def points(self, cut: Cut) -> Points:
        """The five points (5, 2) of a picture as it is cut, in its pixels."""
        return self._cut_points(np.reshape(self._rows[cut.key].points, (5, 2)), cut)

    def landmarks(self, cut: Cut) -> Points | None:
        """The mesh points (L, 2) of a picture as it is cut, in its pixels; None where no mesh was found."""
        if self._landmarks is None:
            return None
        points = np.asarray(self._landmarks[self._place[cut.key]], dtype=np.float64)
        return self._cut_points(points, cut) if np.isfinite(points).all() else None

    def surface(self, cut: Cut) -> Points | None:
        """Exact surface points (P, 3) of a picture as it is cut: x, y in its pixels, 1 where it shows them; None if unknown."""
        if self._surface is None:
            return None
        points = np.asarray(self._surface[self._place[cut.key]], dtype=np.float64)
        if not np.isfinite(points).all():
            return None
        return np.hstack([self._cut_points(points[:, :2], cut), points[:, 2:]])

    def _cut_points(self, points: Points, cut: Cut) -> Points:
        return apply(self._alignment(cut.by), points) if cut.by else points

    def image(self, cut: Cut) -> Image:
        """A picture, uint8 (S, S, 3) RGB."""
        row = self._rows[cut.key]
        image = self._reader.read(Place(row.shard, row.offset, row.size))
        return cut_anew(image, self._alignment(cut.by)) if cut.by else image


def read_points(path: Path, num_rows: int, width: int) -> npt.NDArray[np.float32] | None:
    """Map a file of points (num_rows, K, width) into memory; None where the artifact has none.

    Raises:
        ArtifactError: its size does not fit the rows.
    """
    if not path.is_file():
        return None
    size = path.stat().st_size
    if not num_rows or size == 0 or size % (4 * num_rows * width):
        raise ArtifactError(f"{path}: {size} bytes do not fit {num_rows} images; run groups again")
    return np.memmap(path, np.float32, "r").reshape(num_rows, -1, width)


class PointsWriter:
    """Writes a file of points row by row; no file where there are none."""

    def __init__(self, path: Path, num_points: int, width: int) -> None:
        self._path, self._shape = path, (num_points, width)

    def add(self, points: Points | None) -> None:
        """Append a row (num_points, width); None: not known."""
        row = np.full(self._shape, np.nan) if points is None else points
        with self._path.open("ab") as stream:
            stream.write(np.ascontiguousarray(row, dtype=np.float32).tobytes())


class GroupSet:
    """A groups artifact, read at random."""

    def __init__(self, folder: Path) -> None:
        """Open a folder that the groups stage wrote.

        Raises:
            ArtifactError: it is missing, damaged or of another kind.
        """
        self.folder = folder
        self.card: Card = read_card(folder, "groups")
        self.rows = read_table(folder / INDEX, GroupRow)
        self.images = {row.key: row for row in read_table(folder / IMAGES, ImageRow)}
        self.size_px = int(self.card.facts["size_px"])
        self.recognizer, self.embedding_mean = read_recognizer_file(folder)
        self.pictures = Pictures(folder, self.images)

    def accepted(self, split: str) -> list[GroupRow]:
        """The usable groups of one split, in order."""
        return [row for row in self.rows if row.accepted and row.split == split]

    def embedding(self, key: str) -> npt.NDArray[np.float32]:
        """Its raw face features, (D,)."""
        return np.asarray(self.images[key].embedding, dtype=np.float32)
