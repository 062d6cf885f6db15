"""Sample groups put together: real crops, fakes and verdicts become rows, their pictures go to the shards."""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from swapcore.config import GroupsParams
from swapcore.data.faces import Face, FaceSet, at_size
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, GroupRow, ImageRow, PointsWriter, cut_anew
from swapcore.data.shards import ShardWriter
from swapcore.ops.color import skin_color, to_lab
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.teachers.base import Teacher
from swapcore.teachers.checks import Embedding, Verdict, centered_cosine, judge
from swapcore.teachers.making import FakeMaker, Job, Made
from swapcore.teachers.pairing import Pair, Photograph, draw_pairs

Item = TypeVar("Item")
Embed = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""From uint8 (B, S, S, 3) crops to their raw face features (B, D)."""
Locate = Callable[[npt.NDArray[np.uint8]], list[Points | None]]
"""From the same to the mesh points of each (L, 2) in pixels, None where there is no face."""

SPLITS = ("train", "validation")
"""Test people are in no group."""
_BATCH = 32
_CHUNK = 8


@dataclass(frozen=True)
class JudgedFake:
    """What became of one fake."""

    reason: str
    """Empty if it was accepted."""
    cosine_source: float
    """Centered, to the photograph whose face was put in."""
    cosine_template: float
    """Centered, to the photograph that it was put into."""


class Assembler:
    """Collects the rows of a groups artifact: first the real crops, then the fakes of the pairs drawn among them."""

    def __init__(
        self,
        params: GroupsParams,
        faces: FaceSet,
        embed: Embed,
        shards: ShardWriter,
        locate: tuple[Locate, PointsWriter] | None = None,
    ) -> None:
        self.images: dict[str, ImageRow] = {}
        self.groups: list[GroupRow] = []
        self.fakes: list[JudgedFake] = []
        self._params = params
        self._faces = faces
        self._embed = embed
        self._shards = shards
        self._locate = locate
        self._embeddings: dict[str, Embedding] = {}
        self._photographs: dict[str, list[Photograph]] = {split: [] for split in SPLITS}
        self._people: dict[str, Embedding] = {}

    def add_real_crops(self) -> None:
        """Write the crops of all splits but test, once each, and learn of them what pairing needs."""
        indices = [i for split in SPLITS for i in self._faces.of_split(split)]
        crops = (at_size(self._faces[i], self._params.size_px) for i in progress(indices, "real crops"))
        of_person: dict[str, list[Embedding]] = defaultdict(list)
        for batch in _batches(crops):
            embeddings = self._embed(np.stack([face.image for face in batch]))
            self._write_landmarks([face.image for face in batch])
            for face, embedding in zip(batch, embeddings, strict=True):
                self._add_real(face, embedding)
                of_person[face.identity].append(embedding)
        self._people = {person: np.mean(own, axis=0) for person, own in of_person.items()}

    def _write_landmarks(self, images: list[Image]) -> None:
        """Find and write the mesh points of images, in the order in which their rows are added."""
        if self._locate is not None:
            locate, writer = self._locate
            for points in locate(np.stack(images)):
                writer.add(points)

    def _add_real(self, face: Face, embedding: Embedding) -> None:
        self._embeddings[face.key] = embedding
        self.images[face.key] = ImageRow(
            key=face.key,
            origin="real",
            identity=face.identity,
            template_identity=face.identity,
            split=face.split,
            face_key=face.key,
            points=face.points.ravel().tolist(),
            alignment=np.eye(2, 3).ravel().tolist(),
            embedding=embedding.tolist(),
            **self._shards.add(face.key, face.image)._asdict(),
        )
        photograph = Photograph(
            key=face.key,
            identity=face.identity,
            points=face.points / self._params.size_px,
            skin_lightness=float(skin_color(to_lab(face.image), face.points)[0]),
            embedding=embedding - self._faces.embedding_mean,
        )
        self._photographs[face.split].append(photograph)

    def draw(self) -> list[Pair]:
        """All fakes to make, those of the training people first; no pair crosses the split."""
        return [pair for split in SPLITS for pair in draw_pairs(self._photographs[split], self._params)]

    def add_fakes(self, pairs: list[Pair], teacher: Teacher) -> None:
        """Let the teacher make the fakes, in processes, judge them, and write down the groups that they serve."""
        rows = {row.key: row for row in self._faces.rows}
        jobs = (Job(rows[pair.source], rows[pair.template]) for pair in pairs)
        maker = FakeMaker(teacher, self._faces.reader, self._params.size_px)
        made = ordered_map(maker, jobs, workers=self._params.workers, chunk_size=_CHUNK)
        for batch in _batches(zip(pairs, progress(made, "fakes", len(pairs)), strict=True)):
            embeddings = self._embed(np.stack([cut_anew(fake.image, fake.alignment) for _, fake in batch]))
            self._write_landmarks([fake.image for _, fake in batch])
            for (pair, fake), embedding in zip(batch, embeddings, strict=True):
                self._add_fake(pair, fake, embedding)

    def _add_fake(self, pair: Pair, fake: Made, embedding: Embedding) -> None:
        source, template = self.images[pair.source], self.images[pair.template]
        verdict = self._judge(pair, fake, embedding)
        key = fake_key(pair)
        self.images[key] = ImageRow(
            key=key,
            origin="fake",
            identity=source.identity,
            template_identity=template.identity,
            split=template.split,
            face_key=template.key,
            points=fake.points.ravel().tolist(),
            alignment=fake.alignment.ravel().tolist(),
            embedding=embedding.tolist(),
            **self._shards.add(key, fake.image)._asdict(),
        )
        if pair.partner is not None:
            self._add_group(FAKE_TEMPLATE, pair.partner, key, pair.template, verdict)
        if pair.is_label:
            self._add_group(FAKE_LABEL, pair.source, pair.template, key, verdict)

    def _judge(self, pair: Pair, fake: Made, embedding: Embedding) -> Verdict:
        """Measure the fake's identity against its reference person, over all that person's photographs."""
        mean, reference = self._faces.embedding_mean, self._people[self.images[pair.source].identity]
        template = self._embeddings[pair.template]
        gain = centered_cosine(embedding, reference, mean) - centered_cosine(template, reference, mean)
        verdict = judge((fake.changed_inside, fake.changed_outside), gain, self._params.checks)
        self.fakes.append(
            JudgedFake(
                reason=verdict.reason,
                cosine_source=centered_cosine(embedding, self._embeddings[pair.source], mean),
                cosine_template=centered_cosine(embedding, template, mean),
            )
        )
        return verdict

    def _add_group(self, kind: str, source: str, template: str, label: str, verdict: Verdict) -> None:
        self.groups.append(
            GroupRow(
                key=f"{kind}-{(label if kind == FAKE_LABEL else template).removeprefix('fake-')}",
                kind=kind,
                split=self.images[label].split,
                source=source,
                template=template,
                label=label,
                source_identity=self.images[source].identity,
                template_identity=self.images[template].identity,
                accepted=not verdict.reason,
                reason=verdict.reason,
                changed_inside=verdict.changed_inside,
                changed_outside=verdict.changed_outside,
                identity_gain=verdict.identity_gain,
            )
        )


def fake_key(pair: Pair) -> str:
    """A name that only this template with this source has."""
    names = f"{pair.template}\0{pair.source}"
    return f"fake-{hashlib.sha256(names.encode()).hexdigest()[:20]}"


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Lists of at most _BATCH items: the recognizer's batches, the same for any number of workers."""
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, _BATCH)):
        yield batch
