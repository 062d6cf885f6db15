"""Hair as worn on one day."""

from dataclasses import replace

import numpy as np

from swapcore.synth.attributes import Attributes
from swapcore.synth.hair.scalp import SKULL_CENTER, Array, smoothstep, unit, wander
from swapcore.synth.head import Head
from swapcore.synth.headwear import hat_line
from swapcore.synth.layers import Ribbons


def lay_hair(ribbons: tuple[Ribbons, ...], attributes: Attributes, head: Head) -> tuple[Ribbons, ...]:
    """Move hair as it falls on another day: roots stay, tips move most, neighbors together.

    Args:
        ribbons: what grow_hair returned.
        attributes: volume, parting and the seed of the day.
        head: the head at rest.
    """
    return tuple(_lay(each, attributes, head) for each in ribbons)


def _lay(hair: Ribbons, attributes: Attributes, head: Head) -> Ribbons:
    roots = head.canonical[hair.root]
    ahead = np.diff(hair.points, axis=1)
    step = np.sqrt(np.einsum("skc,skc->sk", ahead, ahead))
    arc = np.concatenate([np.zeros((len(step), 1), np.float32), np.cumsum(step, 1)], 1)
    free = smoothstep(0.3, 9.0, arc)[..., None]
    drift = wander(roots, 7.0, attributes.hair_lay_seed)[:, None]
    drift = drift + 0.5 * wander(roots, 2.5, attributes.hair_lay_seed + 1)[:, None]
    drift = drift * np.array([0.5, 0.25, 0.35], np.float32)
    drift[..., 0] += 0.35 * attributes.hair_part * np.sign(roots[:, :1] + 0.01)
    outward = unit(hair.points - SKULL_CENTER)
    away = np.maximum(attributes.hair_volume, -0.6) * 0.35 * smoothstep(-8.0, 2.0, hair.points[..., 1])[..., None]
    drift = _off_the_face(drift, roots)
    inward = np.minimum((drift * outward).sum(-1, keepdims=True), 0) * outward
    moved = hair.points + free * (drift - inward + away * outward)
    if not attributes.headwear:
        return replace(hair, points=moved.astype(np.float32))
    seen = smoothstep(0.4, -0.4, moved[..., 1] - hat_line(attributes.headwear, moved))
    return replace(hair, points=moved.astype(np.float32), opacity=(hair.opacity * seen).astype(np.float32))


def _off_the_face(drift: Array, roots: Array) -> Array:
    """Hair from the face's sides moves away from it only."""
    at_side = smoothstep(-9.0, -4.0, roots[:, 2]) * smoothstep(1.0, 4.0, np.abs(roots[:, 0]))
    at_side = at_side[:, None]
    aside = drift[..., 0] * (1 - at_side) + np.abs(drift[..., 0]) * at_side * np.sign(roots[:, :1])
    return np.stack([aside, drift[..., 1], drift[..., 2] * (1 - at_side)], -1)
