"""Fakes in worker processes: two rows of the faces artifact in, a fake and what it changed out."""

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
"""Of a matrix: less moves no pixel that can be seen."""


class Job(NamedTuple):
    """Whose face goes into which photograph."""

    source: FaceRow
    template: FaceRow


class Made(NamedTuple):
    """A fake, not yet judged."""

    image: Image
    points: Points
    alignment: Affine
    """(2, 3): from its template's crop to the one that its own key points ask for; the identity where both are one."""
    changed_inside: float
    changed_outside: float


@dataclass(frozen=True)
class FakeMaker:
    """Loads, brings to the groups' size and swaps; pickled once a process."""

    teacher: Teacher
    reader: ShardReader
    size_px: int

    def __call__(self, job: Job) -> Made:
        """Make the fake of a job."""
        source, template = (at_size(load_face(row, self.reader), self.size_px) for row in job)
        fake = self.teacher.swap(source, template)
        inside, outside = changed(fake.image, template.image, template.points)
        return Made(fake.image, fake.points, alignment_of(fake.points, self.size_px), inside, outside)


def alignment_of(points: Points, size_px: int) -> Affine:
    """From a crop in which the key points (5, 2) lie to the one that they ask for, both of size_px: (2, 3)."""
    alignment = align(points[:NUM_ALIGNMENT_POINTS], size_px)
    unmoved: Affine = np.eye(2, 3)
    return unmoved if np.allclose(alignment, unmoved, atol=_UNMOVED) else alignment
