"""Directions in which the styles are combed."""

from collections.abc import Callable

import numpy as np

from swapcore.synth.hair.growth import DOWN, Comb
from swapcore.synth.hair.roots import Roots
from swapcore.synth.hair.scalp import Array, smoothstep, unit, wander
from swapcore.synth.hair.tie import tie_place
from swapcore.synth.identity import Identity


def _column(values: Array) -> Array:
    return values[:, None]


def part_x(identity: Identity) -> float:
    """Place of the parting on the mean head, cm to the image's right."""
    side = identity.hair_part_side
    return float(0.0 if abs(side) < 0.25 else 2.7 * np.sign(side) * (0.6 + 0.4 * abs(side)))


def side_of(identity: Identity) -> float:
    """1 for a parting on the image's right, -1 for one on its left."""
    return 1.0 if identity.hair_part_side >= 0 else -1.0


def whorl(identity: Identity, roots: Roots) -> Comb:
    """Hair that radiates from the crown, forward over the top and down the sides, turned a little."""
    side = side_of(identity)
    crown = np.array([0.9 * side, 9.6, -13.2], dtype=np.float32)
    axis = unit(crown - np.array([0.0, 1.5, -8.0], np.float32))
    sway = _column(smoothstep(-6, 3, roots.canonical[:, 2]) * smoothstep(3, 6, roots.canonical[:, 1]))

    def comb(where: Array, _: float) -> Array:
        away = unit(where - crown)
        turn = np.cross(axis, away) * (0.35 * side)
        lean = sway * np.array([-0.45 * side, 0.0, 0.0], np.float32)
        return unit(away + turn + lean)

    return comb


def parted(identity: Identity, roots: Roots, back: float, edge: Array) -> Comb:
    """Hair that falls to both sides of a parting.

    Args:
        identity: parameters of the person.
        roots: where the hair starts; N of them.
        back: how far it is combed away from the face.
        edge: (N,) cm from the hairline; hair near it is combed back, so that none crosses the forehead.
    """
    swept = 0.45 + 0.4 * (identity.hair_seed % 1000) / 999
    at_front = swept * smoothstep(3.0, 0.5, edge) * smoothstep(-7.0, -3.0, roots.canonical[:, 2])
    side = np.where(roots.canonical[:, 0] > part_x(identity), 1.0, -1.0).astype(np.float32)
    behind = smoothstep(-11.0, -14.0, roots.canonical[:, 2])
    drift = 0.16 * wander(roots.canonical, 6.0, identity.hair_seed)

    def comb(where: Array, _: float) -> Array:
        x, y, z = where.T
        falling = smoothstep(8.0, 2.5, y) * (1 - at_front * smoothstep(-6.0, -3.0, z))
        frees_face = smoothstep(-5.5, -2.0, z) * smoothstep(8.0, 5.5, y)
        over = [side * (1 - 0.5 * behind), 0.5 * at_front - 0.25 - 0.5 * behind, -back - 0.4 * behind - at_front]
        inward = -0.10 * (np.abs(x) - 6.4) * np.sign(x) * smoothstep(-1, -7, y)
        down = np.stack([inward + 1.5 * side * frees_face, -np.ones_like(x), -1.5 * frees_face], 1)
        return unit(unit(np.stack(over, 1)) * _column(1 - falling) + down * _column(falling) + drift)

    return comb


def swept(identity: Identity, roots: Roots) -> Comb:
    """Short hair with a parting: the top goes over to the far side and back, the sides go down."""
    side = side_of(identity)
    near = _column(smoothstep(-0.2, 0.2, (roots.canonical[:, 0] - 3.6 * side) * side))
    at_front = _column(smoothstep(-5.0, -1.5, roots.canonical[:, 2]))
    drift = 0.18 * wander(roots.canonical, 5.0, identity.hair_seed)
    over = np.array([-0.9 * side, 0.0, -0.6], np.float32)
    aside = np.array([0.8 * side, -0.6, -0.4], np.float32)
    down = np.array([0.0, -1.0, -0.5], np.float32)

    def comb(where: Array, _: float) -> Array:
        outside = smoothstep(4.5, 6.8, np.abs(where[:, 0]))
        low = smoothstep(6.5, 3.5, where[:, 1]) * smoothstep(-1.5, -4.5, where[:, 2])
        falling = _column(np.maximum(outside, low))
        top = unit(over * (1 - near) + aside * near) + at_front * (1 - near) * np.array([0.0, 0.5, -0.8], np.float32)
        return unit(unit(top) * (1 - falling) + down * falling + drift)

    return comb


def fringe(identity: Identity, roots: Roots, sides: Callable[[Array, float], Array]) -> Comb:
    """Hair of the top falls over the forehead, the rest as another comb has it."""
    canonical = roots.canonical
    share_front = _column(in_fringe(canonical))
    side = side_of(identity)
    drift = 0.15 * wander(canonical, 3.0, identity.hair_seed)

    def comb(where: Array, share: float) -> Array:
        drop = _column(smoothstep(-2.0, 1.5, where[:, 2]))
        ahead = np.array([-0.12 * side, 0.0, 1.0], np.float32) * (1 - drop) + DOWN * drop
        return unit(unit(ahead + drift) * share_front + sides(where, share) * (1 - share_front))

    return comb


def in_fringe(canonical: Array) -> Array:
    """(N,) 1 for roots whose hair falls over the forehead."""
    front = smoothstep(-6.5, -5.0, canonical[:, 2] - 0.15 * np.abs(canonical[:, 0]))
    return front * smoothstep(5.6, 4.6, np.abs(canonical[:, 0])) * smoothstep(3.6, 4.4, canonical[:, 1])


def tied(identity: Identity, roots: Roots) -> Comb:
    """Hair pulled to one place at the back of the head."""
    drift = 0.10 * wander(roots.canonical, 4.0, identity.hair_seed)
    place = tie_place(identity)

    def comb(where: Array, _: float) -> Array:
        return unit(unit(place - where) + drift)

    return comb


def outward(identity: Identity, roots: Roots) -> Comb:
    """Hair that grows away from the skull on all sides."""
    drift = 0.5 * wander(roots.canonical, 2.5, identity.hair_seed)
    middle = np.array([0.0, 0.5, -9.0], np.float32)

    def comb(where: Array, _: float) -> Array:
        return unit(unit(where - middle) + drift)

    return comb
