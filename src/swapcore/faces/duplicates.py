"""Near-duplicate detection by a 64-bit perceptual hash of aligned faces."""

import functools
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.ops.image import Image

_SIDE_PX: Final = 32
_NUM_BITS: Final = 64
_NUM_SKIPPED: Final = 28
"""Lowest DCT coefficients that are left out: they are nearly equal for all aligned faces."""
_FACE: Final = (60 / 256, 70 / 256, 196 / 256, 220 / 256)
"""Left, top, right, bottom of the hashed region as a share of the crop: brows to chin, without background."""


def perceptual_hash(crop: Image) -> str:
    """Return a 64-bit hash as 16 hex digits: which of 64 mid-frequency DCT coefficients of luma exceed their median.

    After pHash (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010), which uses the lowest
    frequencies. Brightness, contrast, size and compression change few bits; expression and lighting change more.
    """
    size_px = crop.shape[0]
    left, top, right, bottom = (round(share * size_px) for share in _FACE)
    luma = cv2.cvtColor(crop[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    coefficients = cv2.dct(small)[_mid_frequencies()]
    return np.packbits(coefficients > np.median(coefficients)).tobytes().hex()


@functools.cache
def _mid_frequencies() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return rows and columns of the hashed DCT coefficients, ordered by the sum of both frequencies."""
    order = sorted((row + column, row, column) for row in range(_SIDE_PX) for column in range(_SIDE_PX))
    chosen = np.array(order[_NUM_SKIPPED : _NUM_SKIPPED + _NUM_BITS])
    return chosen[:, 1], chosen[:, 2]


def hamming_distance(first: str, second: str) -> int:
    """Return the number of differing bits of two hashes, 0 to 64."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def find_near_duplicates(
    hashes: Sequence[str],
    max_bits: int,
    cosines: npt.NDArray[np.float64] | None = None,
    min_cosine: float = -1.0,
) -> dict[int, int]:
    """Map the index of each near-duplicate to the index of the image that is kept.

    The first of several similar images is kept, so sort by quality. Similarity is not transitive: each image is compared
    with kept images only.

    Args:
        hashes: N hashes from `perceptual_hash`.
        max_bits: maximum Hamming distance of near-duplicates; -1 finds none.
        cosines: (N, N) cosines of face features, or None. Studio images of one person can share a hash without being the
            same image.
        min_cosine: minimum cosine of near-duplicates, used if cosines are given.
    """
    words = np.array([int(digits, 16) for digits in hashes], dtype=np.uint64)
    kept: list[int] = []
    repeats: dict[int, int] = {}
    for index, word in enumerate(words):
        similar = np.bitwise_count(words[kept] ^ word) <= max_bits
        if cosines is not None:
            similar &= cosines[index, kept] >= min_cosine
        if similar.any():
            repeats[index] = kept[int(np.argmax(similar))]
        else:
            kept.append(index)
    return repeats
