"""Eyebrows: single hairs over a soft painted base."""

import numpy as np

from swapcore.synth.colors import strand_colors
from swapcore.synth.hair.roots import Roots, scatter_roots
from swapcore.synth.hair.scalp import Array, smoothstep, unit, wander
from swapcore.synth.head import Head
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Part, Ribbons

_INNER_CM, _LENGTH_CM = 1.15, 3.75
"""Distance of a brow from the middle of the face, and its length, on the mean head."""
_HAIRS = 820
"""On both brows at detail 1."""
_POINTS = 4


def brow_place(identity: Identity, where: Array) -> tuple[Array, Array]:
    """Place of canonical points (N, 3) on the brow.

    Returns:
        Along it (N,), 0 at the nose to 1 at the temple; across it (N,), -1 at the lower to 1 at the upper border.
    """
    inner = _INNER_CM + 0.22 * identity.brow_gap
    along = (np.abs(where[:, 0]) - inner) / (_LENGTH_CM - 0.1 * identity.brow_gap)
    share = np.clip(along, 0, 1)
    bow = (0.30 + 0.20 * identity.brow_arch) * np.sin((share * 1.05) ** 1.25 * 2.9)
    middle = 1.70 + 0.36 * identity.brow_height + bow - 0.16 * share
    half = (0.42 + 0.13 * identity.brow_thickness) * smoothstep(-0.25, 0.25, along) * (1 - 0.58 * share)
    return along.astype(np.float32), ((where[:, 1] - middle) / np.maximum(half, 0.02)).astype(np.float32)


def _density(identity: Identity, where: Array, soft: float) -> Array:
    along, across = brow_place(identity, where)
    rough = 0.18 * wander(where, 0.9, identity.marks_seed)
    band = smoothstep(1.0 + soft, 0.15, np.abs(across + rough[:, 0]))
    ends = smoothstep(-0.10, 0.30, along + 0.25 * rough[:, 1]) * smoothstep(1.08, 0.76, along + 0.2 * rough[:, 2])
    return np.asarray(band * ends * (where[:, 2] > -5.0), dtype=np.float32)


def brow_cover(identity: Identity, where: Array) -> Array:
    """Density of the brow (N,), 0 to 1, at canonical points (N, 3)."""
    strength = (0.50 + 0.50 * identity.brow_density) * (0.65 + 0.35 * identity.brow_darkness)
    return np.asarray(strength * _density(identity, where, 0.35), dtype=np.float32)


def grow_brows(identity: Identity, head: Head, detail: float) -> tuple[Ribbons, ...]:
    """Grow both eyebrows.

    Args:
        identity: parameters of the person.
        head: the head at rest.
        detail: number of hairs, 1 for images of 256 pixels.
    """
    rng = np.random.default_rng([identity.marks_seed, 21])
    count = max(40, int(_HAIRS * detail**0.7 * (0.45 + 0.75 * identity.brow_density)))
    roots = scatter_roots(head, _density(identity, head.canonical, 0.1), count, rng)
    along, across = brow_place(identity, roots.canonical)
    length = (0.48 + 0.28 * smoothstep(0.0, 0.35, along)) * smoothstep(1.15, 0.8, along) * rng.uniform(0.55, 1.3, count)
    points = _comb(roots, along, across, length.astype(np.float32), rng)
    share = np.linspace(0, 1, _POINTS, dtype=np.float32)[None]
    wide = 0.027 * (256 * detail / 256) ** -0.5 * rng.uniform(0.75, 1.25, (count, 1))
    strong = (0.45 + 0.5 * identity.brow_darkness) * rng.uniform(0.7, 1.0, (count, 1))
    ribbons = Ribbons(
        points=points,
        width=(wide * (1 - 0.65 * share**1.5)).astype(np.float32),
        opacity=(strong * (1 - 0.8 * share**3) * (0.7 + 0.3 * smoothstep(0, 0.2, share))).astype(np.float32),
        color=strand_colors(*_pigment(identity), count, rng, 0.8),
        light=np.full((count, _POINTS), 0.95, np.float32),
        root=roots.vertex,
        fibers=0.0,
        gloss=0.25,
        part=Part.BROW,
    )
    return (ribbons,)


def _pigment(identity: Identity) -> tuple[float, float, float]:
    """Brows turn gray later than beards; even gray next to skin looks blue."""
    dark, gray = identity.face_hair_darkness, 0.5 * identity.face_hair_gray
    return dark + (1 - dark) * 0.35 * identity.brow_darkness, identity.face_hair_redness, gray


def _comb(roots: Roots, along: Array, across: Array, length: Array, rng: np.random.Generator) -> Array:
    """Curves (S, K, 3): upright at the nose, flat and towards the temple further out, the upper hairs bent down."""
    side = np.sign(roots.canonical[:, 0])
    flat = smoothstep(-0.05, 0.45, along + 0.08 * rng.normal(size=len(along)))
    rise = 0.95 * (1 - flat) + flat * (0.28 - 0.42 * across.clip(-1, 1) - 0.35 * smoothstep(0.5, 1.0, along))
    out = side * (0.25 + 0.75 * flat)
    direction = np.stack([out, rise, np.zeros_like(rise)], 1) + 0.13 * rng.normal(size=(len(along), 3))
    direction = unit(direction - (direction * roots.normal).sum(1, keepdims=True) * roots.normal)
    bend = np.stack([0.35 * side * (1 - flat), -0.22 * np.sign(across) * flat, np.zeros_like(rise)], 1)
    share = np.linspace(0, 1, _POINTS, dtype=np.float32)[None, :, None]
    lift = roots.normal[:, None] * (0.02 + 0.10 * share * (1 - 0.6 * share))
    path = (direction[:, None] * share + bend[:, None] * share**2) * length[:, None, None]
    return np.asarray(roots.position[:, None] + path + lift, dtype=np.float32)
