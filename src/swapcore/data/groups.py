"""The groups artifact: sample groups as rows that name images; real crops and fakes lie once each in shards."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swapcore.data.artifact import Card, read_card
from swapcore.data.recogniser_file import read_recogniser_file
from swapcore.data.shards import Place, ShardReader
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
    """Five points in crop pixels, as in the faces artifact; of a fake, those of its template."""
    embedding: list[float]
    """Raw face features."""
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
        self._reader = ShardReader(folder)

    def accepted(self, split: str) -> list[GroupRow]:
        """The usable groups of one split, in order."""
        return [row for row in self.rows if row.accepted and row.split == split]

    def image(self, key: str) -> Image:
        """A picture, uint8 (S, S, 3) RGB."""
        row = self.images[key]
        return self._reader.read(Place(row.shard, row.offset, row.size))

    def embedding(self, key: str) -> npt.NDArray[np.float32]:
        """Its raw face features, (D,)."""
        return np.asarray(self.images[key].embedding, dtype=np.float32)
