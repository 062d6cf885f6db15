"""Realism: kernel distance (KID) of frozen features to real photographs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.evaluation.methods import Batch
from swapcore.ops.metrics import Interval, Vectors, kid, kid_interval

Levels = Callable[[Batch], Sequence[npt.NDArray[np.floating]]]
"""Aligned images -> a frozen network's feature maps, each (B, C, H, W), from early to late."""


class Realism(NamedTuple):
    """KID to real photographs, and sample sizes."""

    kid: float
    interval: Interval
    num_images: int
    num_photographs: int


def describe(maps: Sequence[npt.NDArray[np.floating]]) -> Vectors:
    """Return spatial mean and standard deviation of every channel of every level: (B, D)."""
    return np.concatenate([part for m in maps for part in (m.mean((2, 3)), m.std((2, 3)))], axis=1)


def level_distance(first: Sequence[npt.NDArray[np.floating]], second: Sequence[npt.NDArray[np.floating]]) -> Vectors:
    """Return the mean absolute difference of feature maps, averaged over the levels: (B,)."""
    return np.asarray(np.mean([np.abs(a - b).mean((1, 2, 3)) for a, b in zip(first, second, strict=True)], axis=0))


def score_realism(images: Vectors, photographs: Vectors, *, num_samples: int, seed: int) -> Realism:
    """Compute the KID after scaling each feature by the photographs' mean and standard deviation.

    Args:
        images: (N, D) descriptions of swapped images, one per template: two of one template are not independent.
        photographs: (M, D) descriptions of real photographs.
        num_samples: bootstrap samples of the interval.
        seed: of the bootstrap.
    """
    mean, deviation = photographs.mean(0), np.maximum(photographs.std(0), 1e-6)
    first, second = (images - mean) / deviation, (photographs - mean) / deviation
    interval = kid_interval(first, second, num_samples=num_samples, seed=seed)
    return Realism(kid(first, second), interval, len(first), len(second))
