"""Assembly of sample groups: rows and images of real crops and fakes."""

import hashlib
import itertools
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from swapcore.config import GroupsParams
from swapcore.data.faces import Face, FaceSet, at_size
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, GroupRow, ImageRow, PointsWriter, realign
from swapcore.data.shards import ShardWriter
from swapcore.ops.color import skin_color, to_lab
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.progress import progress
from swapcore.tables import KeyedTable, TableWriter
from swapcore.teachers.base import Teacher
from swapcore.teachers.checks import CheckResult, Embedding, centered_cosine, check_fake
from swapcore.teachers.making import FakeJob, FakeMaker, MadeFake, make_fakes
from swapcore.teachers.pairing import FaceProperties, FakePlan, plan_fakes

Item = TypeVar("Item")
Embed = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""Crops, uint8 (B, S, S, 3), to raw embeddings (B, D)."""
Locate = Callable[[npt.NDArray[np.uint8]], list[Points | None]]
"""Crops, uint8 (B, S, S, 3), to the mesh landmarks (L, 2) of each, in pixels; None for a crop without a face."""

SPLITS = ("train", "validation")
"""Test people are in no group."""
_BATCH = 32


@dataclass(frozen=True)
class GroupTables:
    """Writers of the artifact's two tables."""

    images: TableWriter[ImageRow]
    groups: TableWriter[GroupRow]


class RealCrop(NamedTuple):
    """What the fakes' rows need of a real crop."""

    identity: str
    split: str
    embedding: Embedding


@dataclass
class Tally:
    """Numbers of what an artifact contains, counted as it is written."""

    photographs_of: Counter[str] = field(default_factory=Counter)
    """Person -> number of real crops."""
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Kind and split -> number of accepted groups."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Reason -> number of rejected groups."""
    fakes: int = 0
    rejected_fakes: Counter[str] = field(default_factory=Counter)
    """Reason -> number of rejected fakes."""
    cosines_source: "array[float]" = field(default_factory=lambda: array("d"))
    """Centered, of each fake to its source image."""
    cosines_template: "array[float]" = field(default_factory=lambda: array("d"))
    """The same to its template image."""


class Assembler:
    """Collects the rows of a groups artifact: first the real crops, then the fakes that are planned among them."""

    def __init__(
        self,
        params: GroupsParams,
        faces: FaceSet,
        embed: Embed,
        shards: ShardWriter,
        tables: GroupTables,
        locate: tuple[Locate, PointsWriter] | None = None,
        exact: tuple[Callable[[Face], Points], PointsWriter] | None = None,
    ) -> None:
        """Prepare an empty artifact.

        Args:
            params: the section groups.
            faces: the faces artifact.
            embed: recognizer of the faces artifact.
            shards: receives the images.
            tables: receive the rows.
            locate: finds the mesh landmarks of images, and receives them; None if the face mesh is not installed.
            exact: gives the exact surface points of a face's own image, and receives those of all images; None if the
                teacher does not know them.
        """
        self.tally = Tally()
        self._tables = tables
        self._params = params
        self._faces = faces
        self._embed = embed
        self._shards = shards
        self._locate, self._exact = locate, exact
        self._real: dict[str, RealCrop] = {}
        self._candidates: dict[str, list[FaceProperties]] = {split: [] for split in SPLITS}
        self._people: dict[str, Embedding] = {}

    def add_real_crops(self) -> None:
        """Write each crop of the training and validation people once, and measure what the plan needs."""
        indices = [i for split in SPLITS for i in self._faces.of_split(split)]
        crops = (at_size(self._faces[i], self._params.size_px) for i in progress(indices, "real crops"))
        of_person: dict[str, list[Embedding]] = defaultdict(list)
        for batch in _batches(crops):
            embeddings = self._embed(np.stack([face.image for face in batch]))
            self._write_landmarks([face.image for face in batch])
            for face, embedding in zip(batch, embeddings, strict=True):
                if self._exact is not None:
                    self._exact[1].add(self._exact[0](face))
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
        self._real[face.key] = RealCrop(face.identity, face.split, embedding)
        self.tally.photographs_of[face.identity] += 1
        self._tables.images.add(
            ImageRow(
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
        )
        candidate = FaceProperties(
            key=face.key,
            identity=face.identity,
            points=face.points / self._params.size_px,
            skin_lightness=float(skin_color(to_lab(face.image), face.points)[0]),
            embedding=embedding - self._faces.embedding_mean,
            attitude=face.attitude,
        )
        self._candidates[face.split].append(candidate)

    def plan(self) -> list[FakePlan]:
        """Plan all fakes, those of the training people first; source and template are always in the same split."""
        return [plan for split in SPLITS for plan in plan_fakes(self._candidates[split], self._params)]

    def add_fakes(self, plans: list[FakePlan], teacher: Teacher) -> None:
        """Make the fakes in worker processes, check them, and add their images and groups."""
        rows = KeyedTable(self._faces.rows)
        jobs = (FakeJob(rows[plan.source], rows[plan.template]) for plan in plans)
        maker = FakeMaker(teacher, self._faces.reader, self._params.size_px)
        made = make_fakes(maker, jobs, self._params.workers)
        for batch in _batches(zip(plans, progress(made, "fakes", len(plans)), strict=True)):
            embeddings = self._embed(np.stack([realign(fake.image, fake.alignment) for _, fake in batch]))
            self._write_landmarks([fake.image for _, fake in batch])
            for (plan, fake), embedding in zip(batch, embeddings, strict=True):
                if self._exact is not None:
                    self._exact[1].add(fake.surface)
                self._add_fake(plan, fake, embedding)

    def _add_fake(self, plan: FakePlan, fake: MadeFake, embedding: Embedding) -> None:
        source, template = self._real[plan.source], self._real[plan.template]
        result = self._check(plan, fake, embedding)
        key = fake_key(plan)
        self._tables.images.add(
            ImageRow(
                key=key,
                origin="fake",
                identity=source.identity,
                template_identity=template.identity,
                split=template.split,
                face_key=plan.template,
                points=fake.points.ravel().tolist(),
                alignment=fake.alignment.ravel().tolist(),
                embedding=embedding.tolist(),
                **self._shards.add(key, fake.image)._asdict(),
            )
        )
        if plan.partner is not None:
            # The fake template shows the source's face.
            people = (template.identity, source.identity)
            self._add_group(FAKE_TEMPLATE, (plan.partner, key, plan.template), people, template.split, result)
        if plan.is_label:
            people = (source.identity, template.identity)
            self._add_group(FAKE_LABEL, (plan.source, plan.template, key), people, template.split, result)

    def _check(self, plan: FakePlan, fake: MadeFake, embedding: Embedding) -> CheckResult:
        """Check a fake; its identity is compared with the mean of all images of the reference person."""
        mean, reference = self._faces.embedding_mean, self._people[self._real[plan.source].identity]
        template = self._real[plan.template].embedding
        gain = centered_cosine(embedding, reference, mean) - centered_cosine(template, reference, mean)
        result = check_fake((fake.changed_inside, fake.changed_outside), gain, self._params.checks)
        tally = self.tally
        tally.fakes += 1
        tally.rejected_fakes.update([result.reason] if result.reason else [])
        tally.cosines_source.append(centered_cosine(embedding, self._real[plan.source].embedding, mean))
        tally.cosines_template.append(centered_cosine(embedding, template, mean))
        return result

    def _add_group(
        self, kind: str, keys: tuple[str, str, str], people: tuple[str, str], split: str, result: CheckResult
    ) -> None:
        """Add a group of source, template and label; people are those of source and template."""
        source, template, label = keys
        if result.reason:
            self.tally.rejected[result.reason] += 1
        else:
            self.tally.accepted[kind, split] += 1
        self._tables.groups.add(
            GroupRow(
                key=f"{kind}-{(label if kind == FAKE_LABEL else template).removeprefix('fake-')}",
                kind=kind,
                split=split,
                source=source,
                template=template,
                label=label,
                source_identity=people[0],
                template_identity=people[1],
                accepted=not result.reason,
                reason=result.reason,
                changed_inside=result.changed_inside,
                changed_outside=result.changed_outside,
                identity_gain=result.identity_gain,
            )
        )


def fake_key(plan: FakePlan) -> str:
    """Return a name that is unique for this template and source."""
    names = f"{plan.template}\0{plan.source}"
    return f"fake-{hashlib.sha256(names.encode()).hexdigest()[:20]}"


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield lists of at most _BATCH items, the recognizer's batches, which do not depend on the number of workers."""
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, _BATCH)):
        yield batch
