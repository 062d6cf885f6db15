"""Clothes: a crew neck, a shirt with a collar, a V-neck and a turtleneck."""

import numpy as np
import numpy.typing as npt

from swapcore.synth.hair.roots import Obstacle
from swapcore.synth.hair.scalp import smoothstep, wander
from swapcore.synth.head import Head
from swapcore.synth.layers import Floats, Ints, Layer, Material, Part
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


def neckline(style: int, where: Floats) -> Floats:
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
    notch = depth * np.clip(1 - x / width, 0, None) ** (1.0 if depth else 1.0) * front
    return np.asarray(line - notch - y, dtype=np.float32)


def _shell(style: int, head: Head, color: Floats, seed: int) -> Layer:
    """The skin below the neckline, moved outward, with a hem that has a thickness."""
    below = neckline(style, head.canonical)
    table = np.concatenate([head.vertices, head.normals, head.canonical, below[:, None]], 1)
    near = head.triangles[(head.canonical[head.triangles][:, :, 1] < -8.0).all(1) & (below[head.triangles] > -1).any(1)]
    hem = 2.6 if style == TURTLENECK else 1.5
    levels = (0.0, 0.10, 0.30, hem, hem + 0.25)
    if style == SHIRT:
        levels = (0.0, 0.10, 0.30)
    table, triangles = _split(table, near, levels)
    position, normal, canonical, depth = table[:, :3], table[:, 3:6], table[:, 6:9], table[:, 9]
    offset = _thickness(style, depth, canonical, hem) + _folds(canonical, depth, seed)
    points = position + normal * offset[:, None]
    shade = np.ones(len(points))
    if style != SHIRT:
        shade -= 0.22 * np.exp(-(((depth - hem - 0.1) / 0.14) ** 2))
    angle = np.arctan2(canonical[:, 0], canonical[:, 2] - _AXIS_Z)
    across = np.where(canonical[:, 1] > -17, angle * 8.0, canonical[:, 0])
    detail = np.stack([across, canonical[:, 1] - 0.3 * canonical[:, 2]], 1)
    return make_layer(points, triangles, shade[:, None] * color, Material.CLOTH, Part.CLOTHES, attach="body", detail=detail)


def _split(table: Floats, triangles: Ints, levels: tuple[float, ...]) -> tuple[Floats, Ints]:
    """Keep what is below the first level of the last column, with edges along all levels and no double vertices."""
    table, triangles, _, _ = clip_mesh(table, triangles, table[:, -1] - levels[0])
    for level in levels[1:]:
        upper, upper_triangles, _, _ = clip_mesh(table, triangles, level - table[:, -1])
        lower, lower_triangles, _, _ = clip_mesh(table, triangles, table[:, -1] - level)
        both = np.concatenate([upper, lower])
        keys = np.rint(both[:, :3] * 2000).astype(np.int64)
        _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        table = both[first]
        joined = index.reshape(-1)[np.concatenate([upper_triangles, lower_triangles + len(upper)])]
        distinct = (joined[:, 0] != joined[:, 1]) & (joined[:, 1] != joined[:, 2]) & (joined[:, 0] != joined[:, 2])
        triangles = joined[distinct].astype(np.int32)
    return table, triangles


def _thickness(style: int, depth: Floats, canonical: Floats, hem: float) -> Floats:
    """Distance (N,) of the cloth from the skin, cm: a rounded hem, a band, and looser cloth on the chest."""
    hem_cm = {CREW: 0.34, SHIRT: 0.22, V_NECK: 0.30, TURTLENECK: 0.62}[style]
    rolled = 0.02 + (hem_cm - 0.02) * np.sqrt(np.clip(depth / 0.30, 0, 1))
    loose = 0.30 + 0.35 * smoothstep(2.0, 9.0, depth)
    band = smoothstep(hem + 0.25, hem, depth)
    if style == SHIRT:
        band = smoothstep(1.2, 0.2, depth)
    return np.asarray(rolled * band + np.minimum(rolled, loose) * (1 - band), dtype=np.float32)


def _folds(canonical: Floats, depth: Floats, seed: int) -> Floats:
    """Long soft folds (N,) in cm that run down and outward."""
    stretched = canonical * np.array([1.0, 0.35, 0.8], np.float32)
    wide, fine = wander(stretched, 4.5, seed)[:, 0], wander(stretched, 1.9, seed + 1)[:, 1]
    loose = smoothstep(0.8, 5.0, depth)
    return np.asarray(loose * (0.14 * wide + 0.05 * fine), dtype=np.float32)


def _neck_ring(head: Head, height: float, angle: npt.NDArray[np.float64]) -> Floats:
    """Points (N, 3) of the skin around the neck's axis at a height of the shirt's neckline, at angles from the front."""
    distance = neckline(SHIRT, head.canonical * np.array([1.0, 1.0, 1.0], np.float32))
    plain = distance + 5.0 * np.clip(1 - np.abs(head.canonical[:, 0]) / 2.6, 0, None) * smoothstep(
        -9.5, -6.5, head.canonical[:, 2]
    )
    near = np.abs(plain + height) < 0.7
    around = np.arctan2(head.canonical[near, 0], head.canonical[near, 2] - _AXIS_Z)
    ring = head.vertices[near]
    columns = []
    for k in range(3):
        bins = np.linspace(-np.pi, np.pi, 49)
        index = (np.digitize(around, bins) - 1).clip(0, 47)
        total = np.bincount(index, ring[:, k], 48)
        count = np.bincount(index, minlength=48)
        middle = (bins[:-1] + bins[1:]) / 2
        known = count > 0
        columns.append(np.interp(angle, middle[known], total[known] / count[known], period=2 * np.pi))
    return np.stack(columns, 1).astype(np.float32)


def _collar(head: Head, color: Floats) -> Layer:
    """A stand around the neck and a fall that ends in two points."""
    num = 73
    angle = np.linspace(0.20, 2 * np.pi - 0.20, num)
    turned = (angle + np.pi) % (2 * np.pi) - np.pi
    low, high = _neck_ring(head, 0.0, turned), _neck_ring(head, 1.7, turned)
    outward = np.stack([np.sin(turned), np.zeros(num), np.cos(turned)], 1)
    front = np.clip(1 - np.minimum(angle, 2 * np.pi - angle) / 1.25, 0, 1)[:, None]
    down = np.array([0.0, -1.0, 0.0])
    tip = np.stack([np.sign(np.sin(turned)), np.zeros(num), np.zeros(num)], 1)
    rows = [low + 0.30 * outward - 0.2 * front * outward, high + (0.42 + 0.1 * front) * outward]
    crest = high + (0.62 + 0.15 * front) * outward - 0.18 * down
    fall = low + (0.95 + 0.35 * front) * outward + (0.6 + 2.9 * front**1.6) * down + 1.9 * front**2 * tip
    rows += [crest, high + (0.80 + 0.2 * front) * outward, 0.5 * (high + fall) + 0.40 * outward, fall]
    points = np.stack(rows).astype(np.float32)
    flat = points[2:].reshape(-1, 3)
    distance, away = Obstacle(head).distance(flat)
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
