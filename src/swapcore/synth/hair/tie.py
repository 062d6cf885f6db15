"""What tied hair ends in: a bun or a tail."""

import numpy as np

from swapcore.synth.colors import hair_color, strand_colors
from swapcore.synth.hair.growth import DOWN, Habit, grow
from swapcore.synth.hair.ribbons import RibbonStyle, dress
from swapcore.synth.hair.roots import Obstacle, Roots
from swapcore.synth.hair.scalp import Array, unit, wander
from swapcore.synth.head import Head
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Layer, Material, Part, Ribbons
from swapcore.synth.solids import directions, grid_triangles, make_layer

_LOW = np.array([0.0, 3.6, -17.4], dtype=np.float32)
_HIGH = np.array([0.0, 9.6, -14.2], dtype=np.float32)
_BUN_CM = 2.5
_BUN_LOOK = RibbonStyle(0.30, 0.5, 0.95, 0.15, 9, 1.0, 0.55, 1.0)
_TAIL_LOOK = RibbonStyle(0.30, 0.25, 0.92, 0.2, 10, 1.0, 0.4, 1.0)


def tie_place(identity: Identity) -> Array:
    """Where hair is gathered on the mean head (3,): at the back, or high up."""
    return _HIGH if identity.hair_part_side > 0.4 else _LOW


def has_tail(identity: Identity) -> bool:
    """A tail hangs down; otherwise the hair is coiled to a bun."""
    return identity.hair_length > 0.1


def _roots(head: Head, place: Array, count: int) -> Roots:
    """All hair of the knot moves with the skin below it."""
    nearest = int(np.linalg.norm(head.canonical - place, axis=1).argmin())
    start = head.vertices[nearest] + 0.5 * head.normals[nearest]

    def repeat(value: Array) -> Array:
        return np.repeat(value[None], count, 0).astype(np.float32)

    vertex = np.full(count, nearest, np.int32)
    normal, canonical = repeat(head.normals[nearest]), repeat(head.canonical[nearest])
    return Roots(repeat(start), normal, canonical, vertex, np.ones(count, np.float32))


def grow_knot(identity: Identity, head: Head, detail: float) -> tuple[tuple[Ribbons, ...], tuple[Layer, ...]]:
    """Grow a bun with its core, or a tail."""
    rng = np.random.default_rng([identity.hair_seed, 3])
    count = int((420 if has_tail(identity) else 300) * detail**0.7)
    roots = _roots(head, tie_place(identity), count)
    color = strand_colors(identity.hair_darkness, identity.hair_redness, identity.hair_gray, count, rng)
    if has_tail(identity):
        return (_tail(identity, head, roots, color, rng),), ()
    return (_bun(roots, color, rng),), (_core(identity, roots),)


def _tail(identity: Identity, head: Head, roots: Roots, color: Array, rng: np.random.Generator) -> Ribbons:
    count = len(roots)
    angle, radius = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.random(count))
    axis = roots.normal[0]
    first = unit(np.cross(axis, np.array([1.0, 0.0, 0.0], np.float32)))
    ring = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * np.cross(axis, first)
    start = roots.position + 0.7 * radius[:, None] * ring
    spread = unit(ring * radius[:, None] + 0.25 * wander(start, 1.5, identity.hair_seed)).astype(np.float32)

    def comb(_: Array, share: float) -> Array:
        out = max(0.0, 1 - 3.5 * share)
        return unit(axis * (1.4 * out) + DOWN * (0.3 + 1.6 * share) + spread * (0.5 * out + 0.06))

    moved = Roots(start.astype(np.float32), roots.normal, roots.canonical, roots.vertex, roots.cover)
    length = (15 + 8 * identity.hair_length) * rng.uniform(0.8, 1.08, count)
    height = 0.3 + 1.2 * rng.random(count)
    curves = grow(
        moved, length.astype(np.float32), height.astype(np.float32), comb, Habit(0.9, 0.55, 0.25), Obstacle(head), 15
    )
    return dress(curves, moved, radius.astype(np.float32), color, _TAIL_LOOK, rng)


def _bun(roots: Roots, color: Array, rng: np.random.Generator) -> Ribbons:
    count = len(roots)
    axis = unit(roots.normal[0] + np.array([0.0, 0.25, 0.0], np.float32))
    middle = roots.position[0] + axis * (0.62 * _BUN_CM)
    first = unit(np.cross(axis, np.array([1.0, 0.1, 0.0], np.float32)))
    second = np.cross(axis, first)
    latitude = np.arcsin(rng.uniform(-0.55, 0.97, count))
    start, turn = rng.uniform(0, 2 * np.pi, count), rng.uniform(1.2, 2.2, count)
    t = np.linspace(0, 1, 10)[None]
    angle = start[:, None] + turn[:, None] * t
    rise = latitude[:, None] + 0.28 * np.sin(3 * angle + 2.0) + 0.20 * (t - 0.5) * rng.normal(size=(count, 1))
    radius = _BUN_CM * (0.96 + 0.07 * rng.random((count, 1)))
    flat, up = radius * np.cos(rise), radius * 0.82 * np.sin(rise)
    curves = (
        middle
        + (flat * np.cos(angle))[..., None] * first
        + (flat * np.sin(angle))[..., None] * second
        + up[..., None] * axis
    )
    layer = rng.random(count).astype(np.float32)
    return dress(curves.astype(np.float32), roots, layer, color, _BUN_LOOK, rng)


def _core(identity: Identity, roots: Roots) -> Layer:
    """A dark ball inside the bun."""
    polar, azimuth = np.linspace(0.02, np.pi - 0.02, 12), np.linspace(0, 2 * np.pi, 20, endpoint=False)
    ray = directions(*np.meshgrid(polar, azimuth, indexing="ij"), 1)
    middle = roots.position[0] + roots.normal[0] * (0.62 * _BUN_CM)
    color = 0.45 * hair_color(identity.hair_darkness, identity.hair_redness, identity.hair_gray)
    triangles = grid_triangles(12, 20, closed=True)
    return make_layer(middle + ray * (0.80 * _BUN_CM), triangles, color, Material.HAIR, Part.HAIR, two_sided=True)
