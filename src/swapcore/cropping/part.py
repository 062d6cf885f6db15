"""What is known of one share of the photographs before all are seen: usable faces, rejected photographs, and what was opened."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swapcore.config import CropParams
from swapcore.data.artifact import card_params, file_digest, read_card, write_card
from swapcore.data.faces import INDEX, QUARANTINE, FaceRow, QuarantineRow
from swapcore.data.lineage import LINEAGE
from swapcore.data.shards import Place, ShardReader
from swapcore.errors import ArtifactError
from swapcore.synth.people import PARAMETERS
from swapcore.tables import read_table, write_table

PHOTOGRAPHS = "photographs.parquet"

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PhotographRow:
    """One photograph of the listing, used or not."""

    file: str
    identity: str
    split: str
    """As the CSV says; empty = decided by the person's name."""
    sha256: str
    """Of the file; empty if it was not opened."""


@dataclass(frozen=True)
class Shard:
    """One of several shares of the photographs, counted from 0."""

    number: int
    of: int


@dataclass(frozen=True)
class Part:
    """Everything found in one shard, or in all of them together."""

    rows: list[FaceRow]
    """With their embeddings; places in the part's own shards."""
    quarantine: list[QuarantineRow]
    photographs: list[PhotographRow]


@dataclass(frozen=True)
class Facts:
    """What the parts of one set of photographs have in common."""

    consent: str
    """SHA-256 of consent.csv."""
    listing: str
    """SHA-256 of what may be opened, in order."""
    embedding_dim: int


def write_part(folder: Path, params: CropParams, part: Part, shard: Shard, facts: Facts) -> None:
    """Write the tables and the card beside the pictures, which are in the folder already."""
    write_table(folder / INDEX, FaceRow, part.rows)
    write_table(folder / QUARANTINE, QuarantineRow, part.quarantine)
    write_table(folder / PHOTOGRAPHS, PhotographRow, part.photographs)
    counts = {"photographs": len(part.rows) + len(part.quarantine), "faces": len(part.rows)}
    inputs = {"consent": facts.consent, "listing": facts.listing}
    more = {"shard": shard.number, "shards": shard.of, "embedding_dim": facts.embedding_dim}
    write_card(folder, "part", params, inputs=inputs, counts=counts, facts=more)


class Parts:
    """The parts of one set of photographs, read as one."""

    def __init__(self, params: CropParams, folders: list[Path]) -> None:
        """Open all parts, in any order.

        Raises:
            ArtifactError: one is missing, damaged, there twice, or was cut with other params or from other photographs.
        """
        cards = {folder: read_card(folder, "part") for folder in folders}
        ordered = sorted(folders, key=lambda folder: int(cards[folder].facts["shard"]))
        for number, folder in enumerate(ordered):
            card, first = cards[folder], cards[ordered[0]]
            if (card.facts["shard"], card.facts["shards"]) != (number, len(ordered)):
                raise ArtifactError(
                    f"{folder}: is shard {card.facts['shard']} of {card.facts['shards']}, where shard {number} of "
                    f"{len(ordered)} is needed; give each part once"
                )
            if card.params != card_params(params):
                raise ArtifactError(f"{folder}: was cut with other params; cut the photographs again")
            if card.inputs != first.inputs:
                raise ArtifactError(
                    f"{folder}: was cut from other photographs, or on another day's consent, than {ordered[0]}; "
                    "cut the photographs again"
                )
        self.first = ordered[0]
        self.consent = cards[self.first].inputs["consent"]
        self.embedding_dim = int(cards[self.first].facts["embedding_dim"])
        rows = [read_table(folder / INDEX, FaceRow) for folder in ordered]
        self._readers = {row.key: ShardReader(folder) for folder, own in zip(ordered, rows, strict=True) for row in own}
        self.whole = Part(
            [row for own in rows for row in own],
            [row for folder in ordered for row in read_table(folder / QUARANTINE, QuarantineRow)],
            [row for folder in ordered for row in read_table(folder / PHOTOGRAPHS, PhotographRow)],
        )

    def embeddings(self) -> Embeddings:
        """Raw face features of all rows, (N, D)."""
        features = np.array([row.embedding for row in self.whole.rows], dtype=np.float32)
        return features.reshape(-1, self.embedding_dim)

    def picture(self, row: FaceRow) -> bytes:
        """A face's crop as PNG."""
        return self._readers[row.key].read_bytes(Place(row.shard, row.offset, row.size))

    def photographs_digest(self) -> str:
        """SHA-256 over consent.csv and every photograph's name, person, split and, where it was opened, content."""
        digest = hashlib.sha256(self.consent.encode())
        for row in sorted(self.whole.photographs, key=lambda row: row.file):
            digest.update(("\0".join((row.file, row.identity, row.split, row.sha256)) + "\n").encode())
        return digest.hexdigest()

    def hand_on(self, folder: Path) -> str | None:
        """Copy what else is known of the photographs, and tell the SHA-256 of their card, if they have one."""
        copy_known(self.first, folder)
        card = folder / LINEAGE / "photographs.json"
        return file_digest(card) if card.is_file() else None


def copy_known(source: Path, folder: Path) -> None:
    """Copy how synthesized photographs were rendered, which the oracle teacher and the truth in evaluation read, and lineage."""
    if (source / PARAMETERS).is_file():
        shutil.copyfile(source / PARAMETERS, folder / PARAMETERS)
    if (source / LINEAGE).is_dir():
        shutil.copytree(source / LINEAGE, folder / LINEAGE)
