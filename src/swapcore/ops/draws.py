"""Random numbers as pure functions of counters, vectorized."""

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
_STEP = np.uint64(0x9E3779B97F4A7C15)
"""Increment of SplitMix64: 2^64 over the golden ratio, odd."""


def mixed(bits: Words) -> Words:
    """Scatter the bits of (N,) integers: the finalizer of SplitMix64, Steele, Lea, Flood, OOPSLA 2014."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def uniform(counters: tuple[int, ...], rows: npt.NDArray[np.int64], num: int) -> npt.NDArray[np.float64]:
    """Return uniform numbers in [0, 1) for rows; each depends on the counters, the row and its position only.

    Args:
        counters: not negative, e.g. seed, stream and step.
        rows: (B,), not negative.
        num: numbers per row.

    Returns:
        (B, num).
    """
    key = np.zeros(1, np.uint64)
    for counter in counters:
        key = mixed((key ^ np.uint64(counter)) + _STEP)
    of_rows = mixed(key + (rows.astype(np.uint64) + np.uint64(1)) * _STEP)
    positions = (np.arange(num, dtype=np.uint64) + np.uint64(1)) * _STEP
    bits = mixed(of_rows[:, None] + positions)
    return (bits >> np.uint64(11)).astype(np.float64) / 2**53


def below(uniforms: npt.NDArray[np.float64], limits: npt.NDArray[np.int64] | int) -> npt.NDArray[np.int64]:
    """Convert uniform numbers in [0, 1) to integers from 0 to limits - 1."""
    return np.asarray(np.minimum((uniforms * limits).astype(np.int64), np.asarray(limits) - 1))
