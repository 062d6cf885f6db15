"""Output of a teacher."""

from typing import NamedTuple

from swapcore.ops.geometry import Points
from swapcore.ops.image import Image


class Fake(NamedTuple):
    """A swapped image, in its template's crop."""

    image: Image
    """uint8 (S, S, 3) RGB."""
    points: Points
    """(5, 2), landmarks of the new face in crop pixels, in the order of Face.points."""
    surface: Points | None = None
    """(P, 3), exact surface points: x and y in crop pixels, 1 where the fake shows the point; None if they are unknown."""
