"""Shadows of the key light: a map of depths seen from the light, and its soft lookup."""

import math
from dataclasses import dataclass

import numpy as np

from swapcore.synth.asset import Floats, Ints
from swapcore.synth.compiled import compiled, inlined
from swapcore.synth.curves import smoothstep
from swapcore.synth.rasterize import rasterize

MAP_PX, MAP_CM = 320, 44.0
IN_HAIR_CM = 0.05
"""Hair does not shade what is no deeper than this behind it."""
_TAPS = np.array(
    [(0.0, 0.0)]
    + [(0.9 * math.cos(6.2832 * n / 5 + 0.9), 0.9 * math.sin(6.2832 * n / 5 + 0.9)) for n in range(5)]
    + [(1.9 * math.cos(6.2832 * n / 8 + 1.9), 1.9 * math.sin(6.2832 * n / 8 + 1.9)) for n in range(8)],
    np.float32,
)  # fmt: skip


@dataclass(frozen=True)
class ShadowMap:
    """Depths along the light of solid surfaces and of hair."""

    axes: Floats
    """(3, 3) columns: right and down in the map, away from the light."""
    center: Floats
    """(3,) cm, in the middle of the map."""
    solid: Floats
    """(MAP_PX, MAP_PX) depth in cm."""
    hair: Floats
    """(MAP_PX, MAP_PX, 2) depth of the first hair, and how much of the light the hair stops."""


def light_axes(key: Floats) -> Floats:
    """(3, 3) axes of the map of a light at a direction (3,)."""
    right = np.cross([0.0, 1.0, 0.0], key)
    right /= max(float(np.linalg.norm(right)), 1e-9)
    return np.stack([right, -np.cross(key, right), -key], 1).astype(np.float32)


def to_map(points: Floats, axes: Floats, center: Floats) -> Floats:
    """Points (N, 3) to x, y in the map's pixels and depth in cm."""
    flat = (points - center) @ axes
    flat[:, :2] = flat[:, :2] * np.float32(MAP_PX / MAP_CM) + np.float32(MAP_PX / 2)
    return np.ascontiguousarray(flat, dtype=np.float32)


def cast_shadows(vertices: Floats, triangles: Ints, key: Floats, center: Floats) -> ShadowMap:
    """The map of solid surfaces alone; add_hair_shadow adds ribbons."""
    axes = light_axes(key)
    corners = to_map(vertices, axes, center)
    _, depth = rasterize(corners, triangles, np.ones(len(triangles), np.bool_), MAP_PX, MAP_PX)
    hair = np.zeros((MAP_PX, MAP_PX, 2), np.float32)
    hair[..., 0] = 1e9
    return ShadowMap(axes, center, depth, hair)


def add_hair_shadow(shadow: ShadowMap, points: Floats, width: Floats, opacity: Floats) -> None:
    """Draw ribbons (S, K, 3), (S, K), (S, K) into the map's hair, as discs along them."""
    corners = to_map(points.reshape(-1, 3), shadow.axes, shadow.center).reshape(points.shape)
    _draw_hair(corners, width * np.float32(MAP_PX / MAP_CM), opacity, shadow.hair)


@compiled
def _draw_hair(corners: Floats, width: Floats, opacity: Floats, hair: Floats) -> None:
    size = hair.shape[0]
    for s in range(corners.shape[0]):
        for k in range(corners.shape[1] - 1):
            x0, y0, z0 = corners[s, k, 0], corners[s, k, 1], corners[s, k, 2]
            dx, dy, dz = corners[s, k + 1, 0] - x0, corners[s, k + 1, 1] - y0, corners[s, k + 1, 2] - z0
            steps = int(max(abs(dx), abs(dy))) + 1
            amount = min(1.0, width[s, k]) * opacity[s, k]
            for n in range(steps):
                f = n / steps
                x, y, z = int(x0 + f * dx), int(y0 + f * dy), z0 + f * dz
                if 0 <= x < size and 0 <= y < size:
                    hair[y, x, 0] = min(hair[y, x, 0], z)
                    hair[y, x, 1] += amount


@inlined
def past_hair_share(z: float, hair: Floats, row: int, column: int) -> float:
    """Share of the light that passes the hair of a texel of the map to a depth z."""
    depth = z - hair[row, column, 0]
    if depth > IN_HAIR_CM:
        return stopped_share(depth, hair[row, column, 1])
    return 1.0


@compiled
def stopped_share(depth: float, amount: float) -> float:
    """Share of the light that passes an amount of hair to a depth in cm behind the first of it."""
    thickness = amount * min(1.0, depth / 1.5)
    return math.exp(-0.55 * thickness)


@compiled
def lit_share(
    x: float,
    y: float,
    z: float,
    slope: float,
    axes: Floats,
    center: Floats,
    solid: Floats,
    hair: Floats,
    spread: float,
    taps: Floats,
) -> tuple[float, float]:
    """Shares of the key light that reach a point past solid surfaces and past hair.

    Args:
        x: of the point, cm.
        y: of the point.
        z: of the point.
        slope: 1 - cosine between normal and light: grazing surfaces need a larger tolerance.
        axes: of the map.
        center: of the map.
        solid: depths.
        hair: depths and amounts.
        spread: of the soft border, pixels of the map.
        taps: (K, 2) places of the lookup.
    """
    size = solid.shape[0]
    x, y, z = x - center[0], y - center[1], z - center[2]
    scale = MAP_PX / MAP_CM
    px = (x * axes[0, 0] + y * axes[1, 0] + z * axes[2, 0]) * scale + size / 2
    py = (x * axes[0, 1] + y * axes[1, 1] + z * axes[2, 1]) * scale + size / 2
    pz = x * axes[0, 2] + y * axes[1, 2] + z * axes[2, 2]
    lit, past_hair = 0.0, 0.0
    for n in range(len(taps)):
        tx, ty = spread * taps[n, 0], spread * taps[n, 1]
        column = min(size - 1, max(0, int(px + tx)))
        row = min(size - 1, max(0, int(py + ty)))
        tolerance = 0.10 + 0.10 * math.sqrt(tx * tx + ty * ty) + 0.35 * slope
        lit += smoothstep(0.55, 0.0, pz - solid[row, column] - tolerance)
        past_hair += past_hair_share(pz, hair, row, column)
    return lit / len(taps), past_hair / len(taps)


def taps() -> Floats:
    """(14, 2) places of the soft lookup."""
    return _TAPS
