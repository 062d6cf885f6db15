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
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, GroupRow, ImageFacts, ImageRow, PointsWriter, realign
from swapcore.data.shards import ShardWriter
from swapcore.ops.color import skin_color, to_lab
from swapcore.ops.geometry import Affine, Points
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
class GroupFiles:
    """Writers of the artifact's files. Each gets a row or an image of every image of the artifact, in the same order."""

    shards: ShardWriter
    images: TableWriter[ImageRow]
    groups: TableWriter[GroupRow]
    """The groups, which name images."""
    landmarks: PointsWriter
    """The mesh landmarks of images, if they can be located."""
    surface: PointsWriter
    """The exact surface points of images, if the teacher knows them."""


class NewImage(NamedTuple):
    """An image to add to the artifact."""

    facts: ImageFacts
    image: Image
    points: Points
    """(5, 2), landmarks in the image's pixels."""
    alignment: Affine
    """(2, 3), from the image to its own alignment, in which it is embedded."""
    surface: Points | None
    """(P, 3), exact surface points; None if they are unknown."""


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
        files: GroupFiles,
        *,
        locate: Locate | None = None,
        surface: Callable[[Face], Points] | None = None,
    ) -> None:
        """Prepare an empty artifact.

        Args:
            params: the section groups.
            faces: the faces artifact.
            embed: recognizer of the faces artifact.
            files: receive the images and rows.
            locate: finds the mesh landmarks of images; None if the face mesh is not installed.
            surface: gives the exact surface points of a face's own image; None if the teacher does not know them.
        """
        self.tally = Tally()
        self._params, self._faces, self._embed, self._files = params, faces, embed, files
        self._locate, self._surface = locate, surface
        self._real: dict[str, RealCrop] = {}
        self._candidates: dict[str, list[FaceProperties]] = {split: [] for split in SPLITS}
        self._people: dict[str, Embedding] = {}

    def add_real_crops(self) -> None:
        """Write each crop of the training and validation people once, and measure what the plan needs."""
        indices = [i for split in SPLITS for i in self._faces.of_split(split)]
        crops = (at_size(self._faces[i], self._params.size_px) for i in progress(indices, "real crops"))
        of_person: dict[str, list[Embedding]] = defaultdict(list)
        for batch in _batches(crops):
            embeddings = self._add_images([self._real_image(face) for face in batch])
            for face, embedding in zip(batch, embeddings, strict=True):
                self._real[face.key] = RealCrop(face.identity, face.split, embedding)
                self.tally.photographs_of[face.identity] += 1
                self._candidates[face.split].append(self._properties(face, embedding))
                of_person[face.identity].append(embedding)
        self._people = {person: np.mean(own, axis=0) for person, own in of_person.items()}

    def _add_images(self, new: list[NewImage]) -> npt.NDArray[np.float32]:
        """Write images, their rows and points, and return their embeddings (B, D)."""
        embeddings = self._embed(np.stack([realign(each.image, each.alignment) for each in new]))
        if self._locate is not None:
            for points in self._locate(np.stack([each.image for each in new])):
                self._files.landmarks.add(points)
        for each, embedding in zip(new, embeddings, strict=True):
            if self._surface is not None:
                self._files.surface.add(each.surface)
            self._files.images.add(
                ImageRow(
                    **vars(each.facts),
                    points=each.points.ravel().tolist(),
                    alignment=each.alignment.ravel().tolist(),
                    embedding=embedding.tolist(),
                    **self._files.shards.add(each.facts.key, each.image)._asdict(),
                )
            )
        return embeddings

    def _real_image(self, face: Face) -> NewImage:
        return NewImage(
            facts=ImageFacts(
                key=face.key,
                origin="real",
                identity=face.identity,
                template_identity=face.identity,
                split=face.split,
                face_key=face.key,
            ),
            image=face.image,
            points=face.points,
            alignment=np.eye(2, 3),
            surface=None if self._surface is None else self._surface(face),
        )

    def _properties(self, face: Face, embedding: Embedding) -> FaceProperties:
        return FaceProperties(
            key=face.key,
            identity=face.identity,
            points=face.points / self._params.size_px,
            skin_lightness=float(skin_color(to_lab(face.image), face.points)[0]),
            embedding=embedding - self._faces.embedding_mean,
            attitude=face.attitude,
        )

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
            embeddings = self._add_images([self._fake_image(plan, fake) for plan, fake in batch])
            for (plan, fake), embedding in zip(batch, embeddings, strict=True):
                self._add_groups(plan, self._check(plan, fake, embedding))

    def _fake_image(self, plan: FakePlan, fake: MadeFake) -> NewImage:
        source, template = self._real[plan.source], self._real[plan.template]
        return NewImage(
            facts=ImageFacts(
                key=fake_key(plan),
                origin="fake",
                identity=source.identity,
                template_identity=template.identity,
                split=template.split,
                face_key=plan.template,
            ),
            image=fake.image,
            points=fake.points,
            alignment=fake.alignment,
            surface=fake.surface,
        )

    def _add_groups(self, plan: FakePlan, result: CheckResult) -> None:
        """Add the groups in which a fake is the template or the label."""
        source, template, key = self._real[plan.source], self._real[plan.template], fake_key(plan)
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
        self._files.groups.add(
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
