"""Production of fakes in worker processes."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from swapcore.data.faces import Face, FaceRow, at_size, load_face
from swapcore.data.shards import ShardReader
from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.ops.geometry import Affine, Points
from swapcore.ops.image import Image
from swapcore.parallel import ordered_map
from swapcore.teachers.base import BatchTeacher, Teacher
from swapcore.teachers.checks import changed
from swapcore.teachers.fake import Fake

_CHUNK = 8
"""Fakes that a worker process gets at a time."""
_BATCH = 32
"""Fakes of a forward pass on a GPU."""
_UNMOVED = 1e-3
"""Largest difference of matrix entries that moves no pixel visibly."""


class FakeJob(NamedTuple):
    """Source and template of a fake."""

    source: FaceRow
    template: FaceRow


class MadeFake(NamedTuple):
    """A fake before its identity is checked."""

    image: Image
    points: Points
    alignment: Affine
    """(2, 3): from the template's crop to the crop aligned by the fake's own landmarks; the identity if they are equal."""
    changed_inside: float
    changed_outside: float
    surface: Points | None
    """See ``Fake``."""


@dataclass(frozen=True)
class FakeMaker:
    """Loads two faces, resizes them and swaps; pickled once for each process."""

    teacher: Teacher
    reader: ShardReader
    size_px: int

    def __call__(self, job: FakeJob) -> MadeFake:
        """Make a fake."""
        source, template = self.load(job)
        return self.check(template, self.teacher.swap(source, template))

    def load(self, job: FakeJob) -> tuple[Face, Face]:
        """Return source and template at the size of the groups."""
        source, template = (at_size(load_face(row, self.reader), self.size_px) for row in job)
        return source, template

    def finish(self, swapped: tuple[Face, Image]) -> MadeFake:
        """Make a fake of a template and its swapped image."""
        assert isinstance(self.teacher, BatchTeacher)
        template, image = swapped
        return self.check(template, self.teacher.finish(template, image))

    def check(self, template: Face, fake: Fake) -> MadeFake:
        """Measure a fake."""
        inside, outside = changed(fake.image, template.image, template.points)
        return MadeFake(fake.image, fake.points, alignment_of(fake.points, self.size_px), inside, outside, fake.surface)


def make_fakes(maker: FakeMaker, jobs: Iterable[FakeJob], workers: int) -> Iterator[MadeFake]:
    """Make all fakes, in order: each in a worker process, or their images in batches on a GPU.

    Args:
        maker: makes them.
        jobs: sources and templates.
        workers: see ``ordered_map``.
    """
    teacher = maker.teacher
    if not isinstance(teacher, BatchTeacher) or not teacher.in_batches:
        return ordered_map(maker, jobs, workers=workers, chunk_size=_CHUNK)
    loaded = ordered_map(maker.load, jobs, workers=workers, chunk_size=_CHUNK)
    return ordered_map(maker.finish, _swapped(teacher, loaded), workers=workers, chunk_size=_CHUNK)


def _swapped(teacher: BatchTeacher, pairs: Iterator[tuple[Face, Face]]) -> Iterator[tuple[Face, Image]]:
    """Yield each template with its swapped image."""
    while batch := list(itertools.islice(pairs, _BATCH)):
        sources, templates = zip(*batch, strict=True)
        images = teacher.swap_images([face.image for face in sources], [face.image for face in templates])
        yield from zip(templates, images, strict=True)


def alignment_of(points: Points, size_px: int) -> Affine:
    """Compute the map (2, 3) from a crop with landmarks (5, 2) to the crop aligned by them, both of size_px."""
    alignment = align(points[:NUM_ALIGNMENT_POINTS], size_px)
    unmoved: Affine = np.eye(2, 3)
    return unmoved if np.allclose(alignment, unmoved, atol=_UNMOVED) else alignment
