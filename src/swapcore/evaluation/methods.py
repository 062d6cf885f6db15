"""Compared swap methods: type, names and the copied template."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.data.faces import Face
from swapcore.errors import FaceError
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.ops.image import Image

Batch = npt.NDArray[np.uint8]
"""RGB images of one size, uint8 (B, S, S, 3)."""
Swap = Callable[[Sequence[Face], Sequence[Face]], Batch]
"""B sources and B templates -> B swapped images of the templates' size."""
Truth = Callable[[Face, Face], Image | None]
"""Source and template -> true swap, or None if it is unknown."""

MODEL = "model"
TEMPLATE_COPIED = "template_copied"
TEACHER = "teacher"
TRUTH = "true_swap"
"""The true swap as a method: its scores are the best possible and show the error of the measurement."""
CHAMPION = "champion"


@dataclass(frozen=True)
class Method:
    """A swap method; all methods are scored in the same way."""

    name: str
    """Prefix of its metrics; the model's metrics have no prefix."""
    label: str
    """Name in the report."""
    swap: Swap


def copy_template(_sources: Sequence[Face], templates: Sequence[Face]) -> Batch:
    """Return the templates unchanged: the score of a model that does nothing."""
    return np.stack([template.image for template in templates])


def swap_or_keep(swapper: FaceSwapper, sources: Batch, templates: Batch) -> Batch:
    """Swap crops (B, S, S, 3); a template stays as it is where the model finds no face in a crop."""
    try:
        return swapper.swap_crops(sources, templates)
    except FaceError:
        if len(templates) == 1:
            return templates
    pairs = [swap_or_keep(swapper, sources[i : i + 1], templates[i : i + 1]) for i in range(len(templates))]
    return np.concatenate(pairs)


def one_by_one(swap: Callable[[Face, Face], Image]) -> Swap:
    """Make a batched swap from a function of one pair, e.g. a teacher's."""
    return lambda sources, templates: np.stack([swap(s, t) for s, t in zip(sources, templates, strict=True)])
