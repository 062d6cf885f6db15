"""Near-duplicates: photographs of one person that a 64-bit perceptual hash of the aligned face cannot tell apart."""

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
"""Waves left out, from the slowest: aligned faces share them, so that they tell no two photographs of a person apart."""
_FACE: Final = (60 / 256, 70 / 256, 196 / 256, 220 / 256)
"""Left, top, right, bottom of the part that counts, as a share of the crop: brows to chin, without the background."""


def perceptual_hash(crop: Image) -> str:
    """64 bits as 16 hex digits: which of 64 middle cosine waves of the face's luma lie above their median.

    After pHash (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010), which takes the slowest
    waves. Brightness, contrast, size and compression change few bits; expression and light change more.
    """
    size_px = crop.shape[0]
    left, top, right, bottom = (round(share * size_px) for share in _FACE)
    luma = cv2.cvtColor(crop[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[_middle_waves()]
    return np.packbits(waves > np.median(waves)).tobytes().hex()


@functools.cache
def _middle_waves() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of the waves that make the bits, in order of frequency down + frequency across."""
    order = sorted((row + column, row, column) for row in range(_SIDE_PX) for column in range(_SIDE_PX))
    chosen = np.array(order[_NUM_SKIPPED : _NUM_SKIPPED + _NUM_BITS])
    return chosen[:, 1], chosen[:, 2]


def differing_bits(first: str, second: str) -> int:
    """In how many of 64 bits two hashes differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def find_near_duplicates(
    hashes: Sequence[str],
    max_bits: int,
    cosines: npt.NDArray[np.float64] | None = None,
    min_cosine: float = -1.0,
) -> dict[int, int]:
    """Which pictures repeat an earlier one: index -> index of the picture that stays.

    Give the best picture first: of several alike the first stays. Two pictures are alike if they differ in at most max_bits bits
    (-1 finds none) and, where the cosines (N, N) of their face features are given, theirs is at least min_cosine: studio photographs
    of one person can share a hash without being the same picture. One that is like a repeated one only is no repetition.
    """
    words = np.array([int(digits, 16) for digits in hashes], dtype=np.uint64)
    kept: list[int] = []
    repeats: dict[int, int] = {}
    for index, word in enumerate(words):
        alike = np.bitwise_count(words[kept] ^ word) <= max_bits
        if cosines is not None:
            alike &= cosines[index, kept] >= min_cosine
        if alike.any():
            repeats[index] = kept[int(np.argmax(alike))]
        else:
            kept.append(index)
    return repeats
