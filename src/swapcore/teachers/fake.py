"""What a teacher makes."""

from typing import NamedTuple

from swapcore.ops.geometry import Points
from swapcore.ops.image import Image


class Fake(NamedTuple):
    """A swap in its template's crop."""

    image: Image
    """uint8 (S, S, 3) RGB."""
    points: Points
    """(5, 2) key points in crop pixels, ordered as a face's: where the new face has them, not where the template had."""
