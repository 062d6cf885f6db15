"""Colors of hair."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

_BLOND = np.array([0.44, 0.285, 0.135])
_BLACK = np.array([0.0125, 0.0095, 0.0080])
_RED_DARK, _RED_FAIR = np.array([0.060, 0.019, 0.009]), np.array([0.34, 0.115, 0.042])
_WHITE = np.array([0.46, 0.45, 0.43])


def hair_color(darkness: float, redness: float, gray: float) -> Array:
    """Mix the albedo of hair from its pigments.

    Args:
        darkness: 0 light blond to 1 black.
        redness: 0 to 1, strongest between blond and brown.
        gray: share of hairs without pigment, 0 to 1.

    Returns:
        (3,) linear RGB.
    """
    light = (1 - darkness) ** 1.45
    color = _BLACK + (_BLOND - _BLACK) * light
    red = _RED_DARK + (_RED_FAIR - _RED_DARK) * light
    color = color + (red - color) * 0.65 * redness * (1 - 0.5 * abs(2 * light - 1))
    color = color + (_WHITE - color) * gray**1.2
    return np.asarray(color, dtype=np.float32)


def strand_colors(
    darkness: float, redness: float, gray: float, count: int, rng: np.random.Generator, variation: float = 1.0
) -> Array:
    """Colors (count, 3) of single locks: some lighter, some darker, some gray where hair is partly gray."""
    base = hair_color(darkness, redness, 0.0)
    spread = rng.normal(size=(count, 1)).clip(-2.2, 2.2) * variation
    warmth = rng.normal(size=(count, 1)).clip(-2, 2) * variation
    locks = base * np.exp(0.17 * spread + 0.05 * warmth * np.array([1.0, 0.0, -1.0]))
    locks = locks + (0.006 + 0.05 * base) * np.maximum(spread, 0) * np.array([1.0, 0.72, 0.5])
    # Every lock has hairs with and without pigment: locks of one tone each would look like bands.
    share = (gray + 0.12 * gray * (1 - gray) * rng.normal(size=(count, 1))).clip(0, 1)
    return np.asarray(locks + (_WHITE * np.exp(0.04 * spread) - locks) * share**1.2, dtype=np.float32)
