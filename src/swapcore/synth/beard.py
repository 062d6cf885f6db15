"""Beards: stubble is painted, longer hair grows as short ribbons over it."""

import functools

import numpy as np
from scipy.spatial import cKDTree

from swapcore.synth.colors import strand_colors
from swapcore.synth.hair.roots import Roots, scatter_roots
from swapcore.synth.hair.scalp import Array, smoothstep, unit, wander
from swapcore.synth.head import Head, load_topology
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Part, Ribbons

FULL, GOATEE, MUSTACHE, THIN_MUSTACHE = range(4)
_HAIRS = 6000
"""Ribbons of a full beard at detail 1."""
_POINTS = 5
_STUBBLE = 0.35
"""Up to this a beard is short hairs over a painted base; above it, the hairs get longer."""
_JOINT = {FULL: 0.75, GOATEE: 0.4, MUSTACHE: 0.0, THIN_MUSTACHE: 0.4}
"""Density at the corners of the mouth, where a mustache goes over into the beard."""
_SPARSEST = 0.22
"""No ribbons grow where the beard is less dense than this."""
_OVER_LIP = 0.08
"""How far a mustache reaches over the upper lip, cm."""
_MOUTH_X, _MOUTH_Y, _MOUTH_CELL = (-4.0, 4.0), (-9.5, -4.0), 0.05
"""Part of the mean head that the map of the lips spans, and its cells, cm."""


def _bell(x: Array, width: float) -> Array:
    return np.asarray(np.exp(-((x / width) ** 2)), dtype=np.float32)


def beard_distance(where: Array) -> tuple[Array, Array]:
    """Distance in cm of canonical points (N, 3) inside the borders of cheek and chin (N,), and of the mustache (N,)."""
    x, y, z = np.abs(where[:, 0]), where[:, 1], where[:, 2]
    line = -6.5 + 4.6 * smoothstep(2.6, 7.0, x) - 0.5 * _bell(x - 2.6, 0.9)
    throat = y + 11.75 + 1.2 * smoothstep(-2.0, -7.0, z)
    chin = np.minimum(np.minimum(line - y, throat), (z + 7.0 + 1.8 * smoothstep(-4.5, -9.0, y)) * 0.8)
    above_lip = np.minimum(np.minimum(-4.1 - 0.05 * x - 0.10 * x**2 - y, 3.2 - x), np.minimum(y + 6.8, z + 1.0))
    return chin.astype(np.float32), above_lip.astype(np.float32)


def _density(identity: Identity, where: Array, soft: float) -> Array:
    """(N,) 0 to 1: density of beard hair at canonical points (N, 3); borders are soft cm wide and ragged."""
    chin, above_lip = beard_distance(where)
    rough = 0.28 * wander(where, 1.1, identity.marks_seed) + 0.22 * wander(where, 0.35, identity.marks_seed + 1)
    x, y = np.abs(where[:, 0]), where[:, 1]
    cheek = smoothstep(-0.35, soft, chin + rough[:, 0])
    sparse = 0.6 * _bell(x - 1.55, 0.45) * _bell(y + 7.7, 0.5) + 0.35 * _bell(x - 3.4, 0.8) * _bell(y + 6.6, 0.8)
    cheek = cheek * (1 - sparse)
    mustache = smoothstep(-0.15, 0.9, above_lip + 0.6 * rough[:, 1]) * (1 - 0.5 * _bell(x, 0.28))
    mustache = mustache * (0.25 + 0.75 * smoothstep(3.4, 1.5, x + rough[:, 2]))
    if identity.beard_style == GOATEE:
        cheek = cheek * smoothstep(3.2, 1.0, x + 0.22 * (y + 9.0) + rough[:, 2])
    if identity.beard_style == MUSTACHE:
        cheek = cheek * 0.12
    if identity.beard_style == THIN_MUSTACHE:
        mustache = mustache * 0.45
    joint = _JOINT[identity.beard_style] * _bell(x - 2.85 + 0.6 * rough[:, 0], 0.55) * _bell(y + 7.1, 0.9)
    joint = joint * smoothstep(-2.0, 0.0, where[:, 2])
    hair = np.maximum(np.maximum(cheek, mustache), joint)
    return np.asarray(hair * (1 - _lips(where)), dtype=np.float32)


def _on_mustache(where: Array) -> Array:
    """Share (N,) of the mustache at canonical points (N, 3)."""
    return smoothstep(-6.2, -5.4, where[:, 1]) * smoothstep(3.6, 2.8, np.abs(where[:, 0]))


@functools.cache
def _lip_map() -> Array:
    """(rows, columns) share of lip on a grid over the mean head's mouth, seen from the front."""
    topology = load_topology()
    canonical, lips = topology.canonical["skin"], topology.groups["lips"]
    front = (canonical[:, 2] > -2.0) & (topology.groups["inside_mouth"] < 0.5)
    x, y = np.meshgrid(np.arange(*_MOUTH_X, _MOUTH_CELL), np.arange(*_MOUTH_Y, _MOUTH_CELL))
    distance, nearest = cKDTree(canonical[front, :2]).query(np.stack([x, y], -1), k=4)
    weight = 1 / (distance**2 + 0.01)
    return np.asarray((lips[front][nearest] * weight).sum(-1) / weight.sum(-1), dtype=np.float32)


@functools.cache
def _lip_border() -> tuple[Array, Array]:
    """x and y in cm of the upper border of the mean head's lips, seen from the front."""
    lips = _lip_map()
    red = lips > 0.5
    columns = np.nonzero(red.any(0))[0]
    rows = lips.shape[0] - 1 - red[::-1].argmax(0)[columns]
    return _MOUTH_X[0] + columns * _MOUTH_CELL, _MOUTH_Y[0] + rows * _MOUTH_CELL


def _trimmed(where: Array) -> Array:
    """Longest hair (N,) in cm of a mustache at canonical points (N, 3): it is trimmed where the lips begin."""
    x, y = _lip_border()
    above = where[:, 1] - np.interp(where[:, 0], x, y)
    return np.asarray(np.clip(above + _OVER_LIP, 0.18, 0.6), dtype=np.float32)


def _lips(where: Array) -> Array:
    """Share of lip (N,) at canonical points (N, 3)."""
    lips = _lip_map()
    row = np.rint((where[:, 1] - _MOUTH_Y[0]) / _MOUTH_CELL).astype(np.int64)
    column = np.rint((where[:, 0] - _MOUTH_X[0]) / _MOUTH_CELL).astype(np.int64)
    inside = (row >= 0) & (row < lips.shape[0]) & (column >= 0) & (column < lips.shape[1]) & (where[:, 2] > -2.0)
    found = lips[row.clip(0, lips.shape[0] - 1), column.clip(0, lips.shape[1] - 1)]
    return np.where(inside, smoothstep(0.05, 0.5, found), 0)


def beard_cover(identity: Identity, where: Array) -> Array:
    """Share of the beard's color that the painted skin takes (N,), 0 to 1, at canonical points (N, 3)."""
    shaven = 0.16 * max(0.0, identity.masculinity - 0.5) * 2 * identity.face_hair_darkness
    grown = 0.75 * min(1.0, identity.beard / 0.5) ** 0.8
    base = _density(identity, where, 1.9)
    if identity.beard_style != FULL:
        everywhere = _density(identity.but(beard_style=FULL), where, 1.9)
        return np.asarray(np.maximum(base * max(grown, shaven), everywhere * shaven), dtype=np.float32)
    return np.asarray(base * max(grown, shaven), dtype=np.float32)


def grow_beard(identity: Identity, head: Head, detail: float) -> tuple[Ribbons, ...]:
    """Grow the beard; nothing where it is shaven or painted only.

    Args:
        identity: parameters of the person.
        head: the head at rest.
        detail: number of ribbons, 1 for images of 256 pixels.
    """
    if identity.beard <= 0.1:
        return ()
    rng = np.random.default_rng([identity.marks_seed, 22])
    cover = _density(identity, head.canonical, 1.7) * (1 - head.groups["inside_mouth"]) * (1 - head.groups["ears"])
    cover = np.where(cover > _SPARSEST, cover, 0)
    growing = min(1.0, identity.beard / _STUBBLE)
    area = {FULL: 0.95, GOATEE: 0.5, MUSTACHE: 0.19, THIN_MUSTACHE: 0.93}[identity.beard_style]
    count = max(60, int(_HAIRS * area * detail**0.7 * (0.35 + 0.65 * growing)))
    roots = scatter_roots(head, cover, count, rng)
    points = _curves(identity, roots, rng)
    share = np.linspace(0, 1, _POINTS, dtype=np.float32)[None]
    long = smoothstep(_STUBBLE, 0.6, np.asarray(identity.beard))
    long = long * (1 - 0.55 * _on_mustache(roots.canonical))[:, None]
    wide = (0.027 + 0.080 * long) * rng.uniform(0.7, 1.3, (count, 1)) * detail**-0.3
    strong = (0.4 + 0.5 * growing) * (0.35 + 0.65 * smoothstep(0.1, 0.7, roots.cover))[:, None]
    ribbons = Ribbons(
        points=points,
        width=(wide * (1 - 0.6 * share**1.5)).astype(np.float32),
        opacity=(strong * (1 - 0.85 * share**2.5) * (0.5 + 0.5 * smoothstep(0, 0.25, share))).astype(np.float32),
        color=strand_colors(
            identity.face_hair_darkness, identity.face_hair_redness, identity.face_hair_gray, count, rng, 0.7
        ),
        light=(0.55 + 0.45 * smoothstep(0.0, 0.6, share) * np.ones((count, 1))).astype(np.float32),
        root=roots.vertex,
        fibers=4.0 if identity.beard > 0.45 else 0.0,
        gloss=0.35,
        part=Part.BEARD,
    )
    return (ribbons,)


def _curves(identity: Identity, roots: Roots, rng: np.random.Generator) -> Array:
    """Curves (S, K, 3) that leave the skin and turn down."""
    x, y, _ = roots.canonical.T
    grown = max(0.0, identity.beard - _STUBBLE)
    longest = 0.12 + 0.3 * min(identity.beard, _STUBBLE) + 3.4 * grown**1.2
    chin = smoothstep(-7.0, -10.5, y) * smoothstep(5.5, 2.5, np.abs(x))
    is_mustache = _on_mustache(roots.canonical)
    local = 0.35 + 0.65 * np.maximum(chin, is_mustache)
    length = longest * local * (0.25 + 0.75 * roots.cover) * rng.uniform(0.6, 1.2, len(x))
    length = np.minimum(length, _trimmed(roots.canonical) / np.maximum(is_mustache, 0.02) ** 1.5)
    aside = np.sign(x) * (0.12 * np.abs(x) * (1 - is_mustache) + is_mustache * (0.35 + 0.3 * np.abs(x)))
    down = np.stack([aside * 0.6, -np.ones_like(x), 0.15 * np.ones_like(x)], 1)
    down = unit(
        down + 0.22 * rng.normal(size=down.shape) + 0.45 * wander(roots.canonical, 1.4, identity.marks_seed + 5)
    )
    share = np.linspace(0, 1, _POINTS, dtype=np.float32)[None, :, None]
    lift = 0.24 + 0.2 * chin * (1 - is_mustache)
    out = roots.normal[:, None] * (lift[:, None, None] * share * (1 - 0.45 * share))
    inward = np.minimum((down * roots.normal).sum(1, keepdims=True), 0) * roots.normal
    curl = 0.12 * wander(roots.canonical, 0.7, identity.marks_seed + 9)[:, None] * np.sin(3 * share)
    path = out + (down - inward)[:, None] * (0.35 * share + 0.65 * share**1.6) + curl * share
    return np.asarray(roots.position[:, None] + path * length[:, None, None], dtype=np.float32)
