"""Production of fakes in worker processes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from swapcore.data.faces import FaceRow, at_size, load_face
from swapcore.data.shards import ShardReader
from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.ops.geometry import Affine, Points
from swapcore.ops.image import Image
from swapcore.teachers.base import Teacher
from swapcore.teachers.checks import changed

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
        source, template = (at_size(load_face(row, self.reader), self.size_px) for row in job)
        fake = self.teacher.swap(source, template)
        inside, outside = changed(fake.image, template.image, template.points)
        return MadeFake(fake.image, fake.points, alignment_of(fake.points, self.size_px), inside, outside, fake.surface)


def alignment_of(points: Points, size_px: int) -> Affine:
    """Compute the map (2, 3) from a crop with landmarks (5, 2) to the crop aligned by them, both of size_px."""
    alignment = align(points[:NUM_ALIGNMENT_POINTS], size_px)
    unmoved: Affine = np.eye(2, 3)
    return unmoved if np.allclose(alignment, unmoved, atol=_UNMOVED) else alignment
