"""A headscarf around the face, over neck and shoulders."""

import numpy as np
import numpy.typing as npt

from swapcore.synth.hair.scalp import Array, smoothstep, wander
from swapcore.synth.head import Head
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Layer, Material, Part
from swapcore.synth.solids import RadialFit, directions, grid_triangles, make_layer

_CENTER = np.array([0.0, -1.5, -7.0], dtype=np.float32)
_ROWS, _COLUMNS = 54, 128
_CLOTH = np.array([
    (0.018, 0.018, 0.022), (0.45, 0.42, 0.38), (0.05, 0.07, 0.13), (0.24, 0.10, 0.10), (0.30, 0.22, 0.15),
    (0.10, 0.13, 0.10), (0.36, 0.24, 0.25), (0.13, 0.12, 0.14),
])  # fmt: skip
_EDGE_ANGLE = np.deg2rad([-180, -150, -120, -90, -60, -30, 0, 30, 60, 90, 120, 150, 180])
"""About the face's direction: 0 the image's right, 90 up."""
_EDGE_POLAR = np.array([0.83, 0.86, 0.92, 1.02, 0.92, 0.86, 0.83, 0.78, 0.73, 0.72, 0.73, 0.78, 0.83])
"""Angle between the face's direction and the scarf's border, seen from inside the head."""


def wear_scarf(identity: Identity, head: Head) -> tuple[Layer, ...]:
    """Drape a headscarf: its color and folds follow the seed of the hair."""
    rng = np.random.default_rng([identity.hair_seed, 5])
    color = _CLOTH[rng.integers(len(_CLOTH))] * rng.uniform(0.8, 1.25)
    points = _drape(head, int(rng.integers(1 << 20)))
    across = np.cumsum(np.linalg.norm(np.diff(points, axis=1, prepend=points[:, :1]), axis=2), 1)
    along = np.cumsum(np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=2), 0)
    detail = np.stack([across, along], -1).reshape(-1, 2)
    triangles = grid_triangles(_ROWS, _COLUMNS, closed=True)
    scarf = make_layer(
        points, triangles, color, Material.CLOTH, Part.HEADWEAR, attach="body", detail=detail, two_sided=True
    )
    return (scarf,)


def _drape(head: Head, seed: int) -> Array:
    """(R, C, 3) from the border around the face to the back and down."""
    fit = RadialFit(head.vertices, _CENTER, pole=2, spread=4, smooth=2.0)
    snug = RadialFit(head.vertices[head.groups["ears"] < 0.1], _CENTER, pole=2, spread=1, smooth=1.3)
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    edge = np.interp(azimuth, _EDGE_ANGLE, _EDGE_POLAR)
    share = np.linspace(0, 1, _ROWS)[:, None]
    polar = edge * (1 - share) + (np.pi - 0.02) * share
    ray = directions(polar, np.broadcast_to(azimuth, polar.shape), 2)
    near = smoothstep(0.16, 0.03, polar - edge)
    radius = fit.radius(ray) * (1 - near) + snug.radius(ray) * near
    below = smoothstep(0.15, 0.9, -np.sin(azimuth))[None]
    beyond = polar - edge
    cloth = 0.10 + 0.55 * smoothstep(0.0, 0.12, beyond) + 0.35 * smoothstep(0.1, 0.6, beyond)
    cloth = cloth + below * 0.5 * smoothstep(0.05, 0.5, beyond)
    points = _CENTER + ray * (radius + cloth + _folds(azimuth, beyond, below, seed))[..., None]
    return _hem(points).astype(np.float32)


def _folds(azimuth: Array, beyond: Array, below: Array, seed: int) -> npt.NDArray[np.float64]:
    """Folds (R, C) in cm: they run from the chin back along the jaw and down over the chest."""
    ring = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros_like(azimuth)], 1).astype(np.float32)
    wide = wander(ring, 0.9, seed)[:, 0][None]
    fine = wander(ring, 0.35, seed + 1)[:, 0][None]
    amount = smoothstep(0.08, 0.5, beyond) * (0.10 + 0.42 * below)
    slanted = np.sin(14 * beyond + 5 * np.abs(azimuth)[None] + 2 * wide) * 0.12 * below * smoothstep(0.05, 0.3, beyond)
    return np.asarray(amount * (wide + 0.5 * fine) + slanted)


def _hem(points: Array) -> Array:
    """Pull what would fall below the chest up to the hem."""
    low = -17.5 + 0.12 * points[..., 0] ** 2 * 0.02
    points[..., 1] = np.where(points[..., 1] < low, low - 1.2 * np.tanh((low - points[..., 1]) / 4.0), points[..., 1])
    return points
