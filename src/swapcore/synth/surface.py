"""Place in the head's texture of points on the mean head: directions from the middle of the head, finer in the face."""

import numpy as np

from swapcore.synth.asset import Floats

CENTER = (0.0, -2.5, -6.5)
"""Directions are measured from here, cm on the mean head."""
_FRONT_GAIN = 0.62
"""Share of the width that grows with the tangent of half the longitude: the face takes more of the texture."""


def to_uv(canonical: Floats) -> Floats:
    """Texture coordinates (N, 2) in 0..1, v up, of points (N, 3) of the mean head in cm.

    u is a mix of longitude and its sine, so that the face takes more of the width than the back of the head; v is the
    latitude, and finer near the equator. The only seam runs down the back.
    """
    offset = canonical - np.float32(CENTER)
    longitude = np.arctan2(offset[:, 0], offset[:, 2])
    latitude = np.arctan2(offset[:, 1], np.hypot(offset[:, 0], offset[:, 2]))
    u = 0.5 + (longitude + _FRONT_GAIN * np.sin(longitude)) / (2 * np.pi)
    v = 0.5 + (latitude + 0.25 * np.sin(2 * latitude)) / np.pi
    return np.stack([u, v], 1).astype(np.float32)
