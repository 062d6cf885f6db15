"""Where hair grows on the head."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""Numbers; float32 in everything that the renderer gets."""

SKULL_CENTER = np.array([0.0, 1.5, -8.0], dtype=np.float32)
"""Middle of the mean skull, cm."""
_ANGLE = np.deg2rad([0, 14, 28, 42, 54, 62, 69, 76, 82, 88, 95, 106, 125, 150, 180])
"""About the head's upright axis, from the middle of the forehead to the nape."""
_HEIGHT = np.array([4.9, 4.95, 4.8, 4.1, 2.9, 2.0, 0.8, -1.2, -2.0, -0.2, 1.5, 0.2, -4.2, -6.3, -6.8])
"""Lowest hair on the mean head at these angles, cm: forehead, temple, sideburn, above the ear, nape."""
_FOREHEAD = np.array([1.0, 1.0, 1.0, 0.8, 0.4, 0.15, 0, 0, 0, 0, 0, 0, 0, 0, 0])
_TEMPLE = np.array([0.0, 0.25, 0.9, 1.2, 0.9, 0.4, 0.1, 0, 0, 0, 0, 0, 0, 0, 0])
_FINE = np.linspace(0, np.pi, 2048)


def smoothstep(start: float, end: float, x: Array) -> Array:
    """0 before start, 1 after end, 3t² - 2t³ between; start > end falls instead of rising."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def unit(vectors: Array) -> Array:
    """Vectors (..., 3) of length 1."""
    length = np.sqrt(np.einsum("...c,...c->...", vectors, vectors))[..., None]
    return np.asarray(vectors / np.maximum(length, 1e-7), dtype=np.float32)


def hairline_distance(where: Array, hairline: float = 0.0, temples: float = 0.0) -> Array:
    """Distance of canonical points from the hairline.

    Args:
        where: (N, 3) cm on the mean head.
        hairline: -1 a low to 1 a high forehead.
        temples: 0 to 1, receding temples.

    Returns:
        (N,) cm, positive where hair grows.
    """
    angle = np.abs(np.arctan2(where[:, 0], where[:, 2] - SKULL_CENTER[2]))
    height = _HEIGHT + 1.1 * hairline * _FOREHEAD + 2.2 * temples * _TEMPLE
    line = np.interp(_FINE, _ANGLE, height)
    kernel = np.hanning(131) / np.hanning(131).sum()
    line = np.convolve(np.pad(line, 65, mode="edge"), kernel, "valid")
    scale = 1 / np.sqrt(1 + (np.gradient(line, _FINE) / 7.5) ** 2)
    column = np.rint(angle * (len(_FINE) - 1) / np.pi).astype(np.int64)
    return np.asarray((where[:, 1] - line[column]) * scale[column], dtype=np.float32)


def bald_distance(where: Array, hairline: float) -> Array:
    """Like hairline_distance for a crown without hair: the horseshoe above the ears and at the nape."""
    angle = np.abs(np.arctan2(where[:, 0], where[:, 2] - SKULL_CENTER[2]))
    below = (4.4 - 0.9 * hairline + 0.6 * np.cos(2 * angle)) - where[:, 1]
    behind = (angle - 1.02) * 7.0
    return np.asarray(np.minimum(hairline_distance(where, 0, 0), np.minimum(below, behind)), dtype=np.float32)


def wander(where: Array, wavelength: float, seed: int) -> Array:
    """Smooth random numbers (N, 3) in about -1 to 1 at points (N, 3): a few plane waves of this length in cm."""
    rng = np.random.default_rng([seed, 401])
    waves = rng.normal(size=(3, 6))
    waves *= 2 * np.pi / (wavelength * rng.uniform(0.7, 1.5, 6) * np.linalg.norm(waves, axis=0))
    phase = rng.uniform(0, 2 * np.pi, (6, 3))
    angle = where.astype(np.float32) @ waves.astype(np.float32)
    mix = np.concatenate([np.cos(phase), np.sin(phase)]).astype(np.float32)
    values: Array = np.concatenate([np.sin(angle), np.cos(angle)], 1) @ mix
    return 0.45 * values
