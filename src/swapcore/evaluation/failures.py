"""Pictures in which no face is found any more."""

from swapcore.evaluation.attributes import Locate, Look
from swapcore.evaluation.methods import Batch


def find_faces(locate: Locate, images: Batch) -> list[Look | None]:
    """What the detector finds in each of B pictures; None is a failure of the swap, for the template had a face."""
    return [locate(image) for image in images]
