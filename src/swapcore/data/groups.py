"""The groups artifact: sample groups as rows that name images; real crops and fakes lie once each in shards."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.data.artifact import Card, read_card
from swapcore.data.recognizer_file import read_recogniser_file
from swapcore.data.shards import Place, ShardReader
from swapcore.ops.geometry import Affine, compose, invert, warp
from swapcore.ops.image import Image
from swapcore.tables import read_table

INDEX = "index.parquet"
IMAGES = "images.parquet"
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

    def image(self, cut: Cut) -> Image:
        """A picture, uint8 (S, S, 3) RGB."""
        row = self._rows[cut.key]
        image = self._reader.read(Place(row.shard, row.offset, row.size))
        return cut_anew(image, self._alignment(cut.by)) if cut.by else image


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
        self.recogniser, self.embedding_mean = read_recogniser_file(folder)
        self.pictures = Pictures(folder, self.images)

    def accepted(self, split: str) -> list[GroupRow]:
        """The usable groups of one split, in order."""
        return [row for row in self.rows if row.accepted and row.split == split]

    def embedding(self, key: str) -> npt.NDArray[np.float32]:
        """Its raw face features, (D,)."""
        return np.asarray(self.images[key].embedding, dtype=np.float32)
