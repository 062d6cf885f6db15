"""Who answers the question "put this source onto this template": the model, and the trivial answers beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.data.faces import Face
from swapcore.ops.image import Image

Batch = npt.NDArray[np.uint8]
"""RGB pictures of one size, uint8 (B, S, S, 3)."""
Swap = Callable[[Sequence[Face], Sequence[Face]], Batch]
"""Sources and templates, B of each, to B swapped pictures of the templates' size."""
Truth = Callable[[Face, Face], Image | None]
"""Source and template to the swap as it should be, or None where nobody can know it."""

MODEL = "model"
TEMPLATE_COPIED = "template_copied"
TEACHER = "teacher"
TRUTH = "truth_itself"
"""The true swap, judged like any other answer: what a perfect one scores, and so by how much the measuring errs."""
CHAMPION = "champion"


@dataclass(frozen=True)
class Answer:
    """One way to answer, judged by the same figures as every other."""

    name: str
    """Prefix of its figures; the model's own carry none."""
    label: str
    """Its name in the report."""
    swap: Swap


def copy_template(_sources: Sequence[Face], templates: Sequence[Face]) -> Batch:
    """The laziest answer: change nothing. Whatever it scores, a model scores by doing nothing."""
    return np.stack([template.image for template in templates])


def one_by_one(swap: Callable[[Face, Face], Image]) -> Swap:
    """Make a batch answer of a function of one pair, e.g. a teacher's."""
    return lambda sources, templates: np.stack([swap(s, t) for s, t in zip(sources, templates, strict=True)])
