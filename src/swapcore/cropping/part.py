"""Part artifacts: the extracted faces of one shard of the photographs."""

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swapcore.config import CropParams
from swapcore.data.artifact import card_params, file_digest, read_card, write_card
from swapcore.data.faces import INDEX, QUARANTINE, FaceRow, QuarantineRow
from swapcore.data.facts import PartFacts
from swapcore.data.lineage import LINEAGE
from swapcore.data.shards import Place, ShardReader
from swapcore.errors import ArtifactError
from swapcore.synth.people import PARAMETERS
from swapcore.tables import open_table, read_table, write_table

PHOTOGRAPHS = "photographs.parquet"

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PhotographRow:
    """One listed photograph, used or not."""

    file: str
    identity: str
    split: str
    """From the CSV; empty = derived from the identity."""
    sha256: str
    """Hash of the file; empty if it was not opened."""


@dataclass(frozen=True)
class Shard:
    """One share of the photographs, counted from 0."""

    number: int
    of: int


@dataclass(frozen=True)
class CropPart:
    """The tables of one shard, except the faces, which are written as they are extracted."""

    num_faces: int
    quarantine: list[QuarantineRow]
    photographs: list[PhotographRow]


def write_part(
    folder: Path, params: CropParams, part: CropPart, shard: Shard, *, inputs: dict[str, str], embedding_dim: int
) -> None:
    """Write tables and card to a folder that already contains the crops and the table of faces.

    Args:
        folder: the part artifact.
        params: the section crop.
        part: the tables.
        shard: which share of the photographs.
        inputs: consent = SHA-256 of consent.csv, listing = SHA-256 of the ordered list of photographs with consent.
        embedding_dim: length of an embedding, also for a part without faces.
    """
    write_table(folder / QUARANTINE, QuarantineRow, part.quarantine)
    write_table(folder / PHOTOGRAPHS, PhotographRow, part.photographs)
    counts = {"photographs": part.num_faces + len(part.quarantine), "faces": part.num_faces}
    facts = PartFacts(shard=shard.number, shards=shard.of, embedding_dim=embedding_dim)
    write_card(folder, "part", params, inputs=inputs, counts=counts, facts=facts)


class PartSet:
    """All parts of one set of photographs."""

    def __init__(self, params: CropParams, folders: list[Path]) -> None:
        """Open all parts, in any order.

        Raises:
            ArtifactError: a part is missing, damaged, given twice, or made with other params or from other photographs.
        """
        cards = {folder: read_card(folder, "part", PartFacts) for folder in folders}
        ordered = sorted(folders, key=lambda folder: cards[folder].facts.shard)
        for number, folder in enumerate(ordered):
            card, first = cards[folder], cards[ordered[0]]
            if (card.facts.shard, card.facts.shards) != (number, len(ordered)):
                raise ArtifactError(
                    f"{folder}: is shard {card.facts.shard} of {card.facts.shards}, expected shard {number} of "
                    f"{len(ordered)}; give each part once"
                )
            if card.params != card_params(params):
                raise ArtifactError(f"{folder}: made with other params; crop the photographs again")
            if card.inputs != first.inputs:
                raise ArtifactError(
                    f"{folder}: made from other photographs or another consent.csv than {ordered[0]}; "
                    "crop the photographs again"
                )
        self.first = ordered[0]
        self.consent = cards[self.first].inputs["consent"]
        self.embedding_dim = cards[self.first].facts.embedding_dim
        tables = [open_table(folder / INDEX, FaceRow) for folder in ordered]
        self.rows = [replace(row, embedding=[]) for table in tables for row in table]
        """Without embeddings; offsets refer to the part's own tar shards."""
        self._number = {row.key: number for number, row in enumerate(self.rows)}
        self._readers = [ShardReader(folder) for folder in ordered]
        self._ends = np.cumsum([len(table) for table in tables])
        features = [table.vector("embedding", index) for table in tables for index in range(len(table))]
        self.embeddings: Embeddings = np.array(features, dtype=np.float32).reshape(-1, self.embedding_dim)
        """Raw face features of all rows, (N, D)."""
        self.quarantine = [row for folder in ordered for row in read_table(folder / QUARANTINE, QuarantineRow)]
        self.photographs = [row for folder in ordered for row in read_table(folder / PHOTOGRAPHS, PhotographRow)]

    def embedding(self, row: FaceRow) -> list[float]:
        """Return a face's raw features."""
        features: list[float] = self.embeddings[self._number[row.key]].tolist()
        return features

    def image_bytes(self, row: FaceRow) -> bytes:
        """Return a face's crop as PNG."""
        reader = self._readers[int(np.searchsorted(self._ends, self._number[row.key], side="right"))]
        return reader.read_bytes(Place(row.shard, row.offset, row.size))

    def photographs_digest(self) -> str:
        """Return the SHA-256 over consent.csv and every photograph's name, identity, split and content hash."""
        digest = hashlib.sha256(self.consent.encode())
        for row in sorted(self.photographs, key=lambda row: row.file):
            digest.update(("\0".join((row.file, row.identity, row.split, row.sha256)) + "\n").encode())
        return digest.hexdigest()

    def copy_sources(self, folder: Path) -> str | None:
        """Copy the photographs' parameters and lineage to folder; return the SHA-256 of their card, if they have one."""
        copy_source_files(self.first, folder)
        card = folder / LINEAGE / "photographs.json"
        return file_digest(card) if card.is_file() else None


def copy_source_files(source: Path, folder: Path) -> None:
    """Copy lineage and, for synthesized photographs, the render parameters (for the oracle teacher and true swaps)."""
    if (source / PARAMETERS).is_file():
        shutil.copyfile(source / PARAMETERS, folder / PARAMETERS)
    if (source / LINEAGE).is_dir():
        shutil.copytree(source / LINEAGE, folder / LINEAGE)
