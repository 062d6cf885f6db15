"""The head's texture space: directions from the middle of the mean head, finer in the face."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from swapcore.synth.asset import Floats
from swapcore.synth.compiled import compiled
from swapcore.synth.head import load_topology
from swapcore.synth.rasterize import barycentric, rasterize

CENTER = (0.0, -2.5, -6.5)
"""Directions are measured from here, cm on the mean head."""
_FRONT_GAIN = 0.62
"""The face takes more of the width than the back of the head."""
_EQUATOR_GAIN = 0.25
GROUPS = ("lips", "eyelids", "ears", "inside_mouth", "upper_lash_line", "lower_lash_line")


@compiled
def texture_place(x: float, y: float, z: float) -> tuple[float, float]:
    """Texture coordinates in 0..1, v up, of a point of the mean head in cm.

    u mixes longitude and its sine, v latitude and the sine of its double. The only seam runs down the back.
    """
    dx, dy, dz = x, y + 2.5, z + 6.5
    longitude = np.arctan2(dx, dz)
    latitude = np.arctan2(dy, np.sqrt(dx * dx + dz * dz))
    u = 0.5 + (longitude + _FRONT_GAIN * np.sin(longitude)) / (2 * np.pi)
    v = 0.5 + (latitude + _EQUATOR_GAIN * np.sin(2 * latitude)) / np.pi
    return u, v


def to_uv(canonical: Floats) -> Floats:
    """Texture coordinates (N, 2) of points (N, 3) of the mean head in cm."""
    return _to_uv(np.ascontiguousarray(canonical, dtype=np.float32))


@compiled
def _to_uv(canonical: Floats) -> Floats:
    uv = np.empty((len(canonical), 2), np.float32)
    for i in range(len(canonical)):
        uv[i, 0], uv[i, 1] = texture_place(canonical[i, 0], canonical[i, 1], canonical[i, 2])
    return uv


@dataclass(frozen=True)
class TexelMap:
    """What every texel of a texture shows on the mean head; (H, W) texels, the first row on top."""

    place: Floats
    """(H, W, 3) cm."""
    groups: Floats
    """(H, W, 6) weights of GROUPS."""
    east: Floats
    """(H, W, 3) cm that one texel to the right moves the place."""
    south: Floats
    """(H, W, 3) cm that one texel down moves the place."""


@functools.lru_cache(maxsize=3)
def texel_map(height: int) -> TexelMap:
    """The map of a texture of a height in texels, twice as wide."""
    topology = load_topology()
    canonical, triangles = topology.canonical["skin"], topology.triangles["skin"]
    groups = np.stack([topology.groups[name] for name in GROUPS], 1)
    values = np.concatenate([canonical, groups], 1).astype(np.float32)
    offset = canonical - np.array(CENTER, np.float32)
    corners = np.empty_like(canonical)
    uv = to_uv(canonical)
    corners[:, 0], corners[:, 1] = uv[:, 0] * 2 * height - 0.5, (1 - uv[:, 1]) * height - 0.5
    # The outermost of several surfaces in one direction is kept.
    corners[:, 2] = 100 - np.linalg.norm(offset, axis=1)
    across = np.ptp(uv[triangles][..., 0], axis=1) > 0.5
    shown, _ = rasterize(corners, triangles[~across], np.ones(int((~across).sum()), np.bool_), height, 2 * height)
    filled = np.zeros((height, 2 * height, values.shape[1]), np.float32)
    _interpolate(corners, triangles[~across], shown, values, filled)
    _fill_holes(filled, shown >= 0)
    place = np.ascontiguousarray(filled[..., :3])
    east = (np.roll(place, -1, 1) - np.roll(place, 1, 1)) / 2
    south = np.gradient(place, axis=0).astype(np.float32)
    return TexelMap(place, np.ascontiguousarray(filled[..., 3:]), east, south)


@compiled
def _interpolate(corners: Floats, triangles: Floats, shown: Floats, values: Floats, filled: Floats) -> None:
    for y in range(shown.shape[0]):
        for x in range(shown.shape[1]):
            t = shown[y, x]
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, c = barycentric(corners, i, j, k, x, y)
            for n in range(values.shape[1]):
                filled[y, x, n] = a * values[i, n] + b * values[j, n] + c * values[k, n]


def _fill_holes(values: Floats, known: Floats) -> None:
    """Give texels that no surface reaches (the seam, below the shoulders) the values of the nearest ones."""
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    flat = values.reshape(-1, values.shape[-1])
    source = np.zeros(labels.max() + 1, np.int64)
    source[labels[known]] = np.flatnonzero(known.ravel())
    missing = ~known
    flat[missing.ravel()] = flat[source[labels[missing]]]
