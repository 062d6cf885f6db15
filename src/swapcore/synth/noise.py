"""Solid noise: a fixed periodic block of random numbers, read between its points."""

import functools

import numpy as np

from swapcore.synth.asset import Floats
from swapcore.synth.compiled import compiled

CELLS = 32
"""Side of the block, which repeats itself; a power of two."""


@functools.cache
def noise_block() -> Floats:
    """(4, CELLS, CELLS, CELLS) standard normal numbers: four independent noises."""
    return np.random.default_rng(7).normal(size=(4, CELLS, CELLS, CELLS)).astype(np.float32)


@compiled
def noise_at(block: Floats, channel: int, x: float, y: float, z: float) -> float:
    """Smooth noise of deviation about 0.6 at a point in cells."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    tx, ty, tz = x - fx, y - fy, z - fz
    tx, ty, tz = tx * tx * (3 - 2 * tx), ty * ty * (3 - 2 * ty), tz * tz * (3 - 2 * tz)
    i, j, k = int(fx) & 31, int(fy) & 31, int(fz) & 31
    i1, j1, k1 = (i + 1) & 31, (j + 1) & 31, (k + 1) & 31
    low = (block[channel, i, j, k] * (1 - tx) + block[channel, i1, j, k] * tx) * (1 - ty) + (
        block[channel, i, j1, k] * (1 - tx) + block[channel, i1, j1, k] * tx
    ) * ty
    high = (block[channel, i, j, k1] * (1 - tx) + block[channel, i1, j, k1] * tx) * (1 - ty) + (
        block[channel, i, j1, k1] * (1 - tx) + block[channel, i1, j1, k1] * tx
    ) * ty
    value: float = low * (1 - tz) + high * tz
    return value


@compiled
def rotated_noise(block: Floats, channel: int, x: float, y: float, z: float, frequency: float, offset: float) -> float:
    """noise_at a point in cm, its axes turned so that cells do not align with the face's symmetry."""
    a = (0.6372 * x + 0.7071 * y - 0.3068 * z) * frequency + offset
    b = (-0.7368 * x + 0.6707 * y + 0.0853 * z) * frequency + offset * 1.7
    c = (0.2661 * x + 0.1717 * y + 0.9486 * z) * frequency + offset * 0.6
    return noise_at(block, channel, a, b, c)
