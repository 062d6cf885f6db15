"""Whether swapped pictures look like photographs: kernel distance of a frozen network's features to real ones."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.evaluation.methods import Batch
from swapcore.ops.metrics import Interval, Vectors, kid, kid_interval

Levels = Callable[[Batch], Sequence[npt.NDArray[np.floating]]]
"""Aligned pictures to a frozen network's feature maps, each (B, C, H, W), from early to late."""


class Realism(NamedTuple):
    """KID to real photographs, and how many pictures it was taken over."""

    kid: float
    interval: Interval
    num_pictures: int
    num_photographs: int


def describe(maps: Sequence[npt.NDArray[np.floating]]) -> Vectors:
    """Mean and deviation over space of every channel of every level: (B, D)."""
    return np.concatenate([part for m in maps for part in (m.mean((2, 3)), m.std((2, 3)))], axis=1)


def level_distance(first: Sequence[npt.NDArray[np.floating]], second: Sequence[npt.NDArray[np.floating]]) -> Vectors:
    """Mean absolute difference of two pictures' feature maps, averaged over the levels: (B,)."""
    return np.asarray(np.mean([np.abs(a - b).mean((1, 2, 3)) for a, b in zip(first, second, strict=True)], axis=0))


def score_realism(pictures: Vectors, photographs: Vectors, *, num_samples: int, seed: int) -> Realism:
    """KID between pictures (N, D) and photographs (M, D), each feature scaled by the photographs' mean and deviation.

    Pictures must be independent: one a template, since two of the same template share nearly everything.
    """
    mean, deviation = photographs.mean(0), np.maximum(photographs.std(0), 1e-6)
    first, second = (pictures - mean) / deviation, (photographs - mean) / deviation
    interval = kid_interval(first, second, num_samples=num_samples, seed=seed)
    return Realism(kid(first, second), interval, len(first), len(second))
