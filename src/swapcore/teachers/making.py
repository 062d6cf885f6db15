"""Fakes in worker processes: two rows of the faces artifact in, a fake and what it changed out."""

from dataclasses import dataclass
from typing import NamedTuple

from swapcore.data.faces import FaceRow, at_size, load_face
from swapcore.data.shards import ShardReader
from swapcore.ops.image import Image
from swapcore.teachers.base import Teacher
from swapcore.teachers.checks import changed


class Job(NamedTuple):
    """Whose face goes into which photograph."""

    source: FaceRow
    template: FaceRow


class Made(NamedTuple):
    """A fake, not yet judged."""

    image: Image
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
        inside, outside = changed(fake, template.image, template.points)
        return Made(fake, inside, outside)
