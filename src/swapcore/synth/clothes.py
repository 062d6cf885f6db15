"""Clothes: crew neck, shirt with a collar, V-neck and turtleneck."""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from swapcore.synth.asset import Ints
from swapcore.synth.hair.roots import Obstacle
from swapcore.synth.hair.scalp import Array, smoothstep, wander
from swapcore.synth.head import Head, load_topology
from swapcore.synth.layers import Layer, Material, Part
from swapcore.synth.solids import clip_mesh, grid_triangles, make_layer

CREW, SHIRT, V_NECK, TURTLENECK = range(4)
NUM_STYLES = 4
_AXIS_Z = -9.0
"""The neck's axis on the mean head, cm."""


def wear_clothes(style: int, head: Head, color: npt.ArrayLike, seed: int) -> tuple[Layer, ...]:
    """Dress neck and shoulders.

    Args:
        style: 0 crew neck, 1 shirt with a collar, 2 V-neck, 3 turtleneck.
        head: the head at rest.
        color: (3,) linear RGB.
        seed: places of the folds.

    Raises:
        ValueError: the style is unknown.
    """
    if not 0 <= style < NUM_STYLES:
        raise ValueError(f"clothes: style {style} is unknown; use 0 to {NUM_STYLES - 1}")
    albedo = np.asarray(color, np.float32)
    layers = [_shell(style, head, albedo, seed)]
    if style == SHIRT:
        layers.append(_collar(head, albedo * 1.06))
    return tuple(layers)


def neckline(style: int, where: Array) -> Array:
    """Distance (N,) below the upper border of the clothes at canonical points (N, 3), cm; negative on bare skin."""
    x, y, z = np.abs(where[:, 0]), where[:, 1], where[:, 2]
    height, slope, depth, width = {
        CREW: (-14.3, -0.34, 0.0, 1.0),
        SHIRT: (-13.8, -0.34, 5.0, 2.6),
        V_NECK: (-14.6, -0.34, 7.5, 5.6),
        TURTLENECK: (-11.3, -0.30, 0.0, 1.0),
    }[style]
    line = height + slope * (z - _AXIS_Z)
    front = smoothstep(-9.5, -6.5, z)
    notch = depth * np.clip(1 - x / width, 0, None) * front
    return np.asarray(line - notch - y, dtype=np.float32)


def _shell(style: int, head: Head, color: Array, seed: int) -> Layer:
    """The skin below the neckline, moved outward, with a hem that has a thickness."""
    cut = _cut(style)
    offset = _thickness(style, cut.depth) + _folds(cut.canonical, cut.depth, seed)
    points = cut.weights @ head.vertices + (cut.weights @ head.normals) * offset[:, None]
    shade = np.ones(len(points))
    if style != SHIRT:
        shade -= 0.22 * np.exp(-(((cut.depth - _hem(style) - 0.1) / 0.14) ** 2))
    color = shade[:, None] * color
    return make_layer(points, cut.triangles, color, Material.CLOTH, Part.CLOTHES, attach="body", detail=cut.detail)


def _hem(style: int) -> float:
    """Width of the band at the neck, cm."""
    return 2.6 if style == TURTLENECK else 1.5


@dataclass(frozen=True)
class _Cut:
    """The cloth of one style as mixtures of the skin's vertices, the same for every head."""

    weights: sparse.csr_matrix
    """(W, V)."""
    triangles: Ints
    canonical: Array
    depth: Array
    """(W,) cm below the neckline."""
    detail: Array


@functools.lru_cache(maxsize=NUM_STYLES)
def _cut(style: int) -> _Cut:
    """Cut the mean head's skin along the neckline, and along the lines that shape the hem."""
    topology = load_topology()
    canonical, triangles = topology.canonical["skin"], topology.triangles["skin"]
    depth = neckline(style, canonical)
    near = triangles[(canonical[triangles][:, :, 1] < -8.0).all(1) & (depth[triangles] > -1).any(1)]
    weights = sparse.identity(len(canonical), dtype=np.float32, format="csr")
    weights, near = _clip(weights, near, depth, 0.0, 1)
    for level in (0.10, 0.30) if style == SHIRT else (0.10, 0.30, _hem(style), _hem(style) + 0.25):
        parts = [_clip(weights, near, weights @ depth, level, side) for side in (-1, 1)]
        weights, near = _joined(parts, canonical)
    place = weights @ canonical
    angle = np.arctan2(place[:, 0], place[:, 2] - _AXIS_Z)
    across = np.where(place[:, 1] > -17, angle * 8.0, place[:, 0])
    detail = np.stack([across, place[:, 1] - 0.3 * place[:, 2]], 1)
    return _Cut(weights, near, place, weights @ depth, detail)


def _clip(
    weights: sparse.csr_matrix, triangles: Ints, depth: Array, level: float, side: int
) -> tuple[sparse.csr_matrix, Ints]:
    """Keep what is below (side 1) or above (side -1) a level."""
    _, kept, pairs, share = clip_mesh(np.zeros((len(depth), 3)), triangles, side * (depth - level))
    row = np.arange(len(pairs))
    values, places = np.concatenate([1 - share, share]), (np.concatenate([row, row]), pairs.T.ravel())
    return (sparse.csr_matrix((values, places), (len(pairs), len(depth))) @ weights).tocsr(), kept


def _joined(parts: list[tuple[sparse.csr_matrix, Ints]], canonical: Array) -> tuple[sparse.csr_matrix, Ints]:
    """Two meshes as one without double vertices."""
    (first, upper), (second, lower) = parts
    both = sparse.vstack([first, second]).tocsr()
    keys = np.rint((both @ canonical) * 2000).astype(np.int64)
    _, once, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    joined = index.reshape(-1)[np.concatenate([upper, lower + first.shape[0]])]
    distinct = (joined[:, 0] != joined[:, 1]) & (joined[:, 1] != joined[:, 2]) & (joined[:, 0] != joined[:, 2])
    return both[once], joined[distinct].astype(np.int32)


def _thickness(style: int, depth: Array) -> Array:
    """Distance (N,) of the cloth from the skin, cm: a rounded hem, a band, and looser cloth on the chest."""
    hem = _hem(style)
    hem_cm = {CREW: 0.34, SHIRT: 0.22, V_NECK: 0.30, TURTLENECK: 0.62}[style]
    rolled = 0.02 + (hem_cm - 0.02) * np.sqrt(np.clip(depth / 0.30, 0, 1))
    loose = 0.30 + 0.35 * smoothstep(2.0, 9.0, depth)
    band = smoothstep(hem + 0.25, hem, depth)
    if style == SHIRT:
        band = smoothstep(1.2, 0.2, depth)
    return np.asarray(rolled * band + np.minimum(rolled, loose) * (1 - band), dtype=np.float32)


def _folds(canonical: Array, depth: Array, seed: int) -> Array:
    """Long soft folds (N,) in cm that run down and outward."""
    stretched = canonical * np.array([1.0, 0.35, 0.8], np.float32)
    wide, fine = wander(stretched, 4.5, seed)[:, 0], wander(stretched, 1.9, seed + 1)[:, 1]
    loose = smoothstep(0.8, 5.0, depth)
    return np.asarray(loose * (0.14 * wide + 0.05 * fine), dtype=np.float32)


@functools.cache
def _neck_ring(height: float, num: int) -> sparse.csr_matrix:
    """Mixtures (num, V) of skin vertices: a ring at a height above the shirt's neckline, from front to front."""
    canonical = load_topology().canonical["skin"]
    line = -13.8 - 0.34 * (canonical[:, 2] - _AXIS_Z)
    near = np.nonzero((np.abs(canonical[:, 1] - line - height) < 0.7) & (canonical[:, 1] < -6))[0]
    around = np.arctan2(canonical[near, 0], canonical[near, 2] - _AXIS_Z)
    gap = np.abs((_collar_angles(num)[:, None] - around[None] + np.pi) % (2 * np.pi) - np.pi)
    weight = np.exp(-((gap / 0.16) ** 2)) + 1e-9
    weight /= weight.sum(1, keepdims=True)
    row, column = np.nonzero(weight > 1e-4)
    return sparse.csr_matrix((weight[row, column], (row, near[column])), (num, len(canonical)))


def _collar_angles(num: int) -> Array:
    """(num,) about the neck's axis, from the front around the back to the front."""
    return np.linspace(0.20, 2 * np.pi - 0.20, num)


def _collar(head: Head, color: Array) -> Layer:
    """A band around the neck, folded over to two points."""
    num = 73
    angle = _collar_angles(num)
    low, high = _neck_ring(0.0, num) @ head.vertices, _neck_ring(1.7, num) @ head.vertices
    outward = np.stack([np.sin(angle), np.zeros(num), np.cos(angle)], 1)
    front = np.clip(1 - np.minimum(angle, 2 * np.pi - angle) / 1.25, 0, 1)[:, None]
    down = np.array([0.0, -1.0, 0.0])
    tip = np.stack([np.sign(np.sin(angle)), np.zeros(num), np.zeros(num)], 1)
    rows = [low + 0.30 * outward - 0.2 * front * outward, high + (0.42 + 0.1 * front) * outward]
    crest = high + (0.62 + 0.15 * front) * outward - 0.18 * down
    fall = low + (0.95 + 0.35 * front) * outward + (0.6 + 2.9 * front**1.6) * down + 1.9 * front**2 * tip
    rows += [crest, high + (0.80 + 0.2 * front) * outward, 0.5 * (high + fall) + 0.40 * outward, fall]
    points = np.stack(rows).astype(np.float32)
    flat = points[2:].reshape(-1, 3)
    distance, away = Obstacle(head, where=head.canonical[:, 1] < -9).distance(flat)
    wanted = np.repeat(np.array([0.45, 0.60, 0.75, 0.85], np.float32), num)
    points[2:] = (flat + away * np.maximum(wanted - distance, 0)[:, None]).reshape(points[2:].shape)
    shade = np.array([0.75, 0.95, 1.0, 1.0, 1.0, 0.93])[:, None, None] * np.ones((1, num, 1))
    along = np.broadcast_to((angle * 7.0)[None], points.shape[:2])
    up = np.broadcast_to(np.array([0.0, 1.7, 2.0, 2.4, 4.0, 5.5])[:, None], points.shape[:2])
    detail = np.stack([along, up], -1).reshape(-1, 2)
    triangles = grid_triangles(len(rows), num)
    return make_layer(
        points, triangles, (shade * color).reshape(-1, 3), Material.CLOTH, Part.CLOTHES, attach="body", detail=detail,
        two_sided=True,
    )  # fmt: skip
