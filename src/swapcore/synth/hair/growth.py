"""Curves of hair, grown step by step from the scalp."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from swapcore.synth.hair.roots import Obstacle, Roots
from swapcore.synth.hair.scalp import SKULL_CENTER, Array, smoothstep, unit

DOWN = np.array([0.0, -1.0, 0.0], dtype=np.float32)
Comb = Callable[[Array, float], Array]
"""Direction (N, 3) in which hair is combed at points (N, 3), and how far along the hair, 0 to 1."""


@dataclass(frozen=True)
class Habit:
    """How hair of one style grows."""

    lift: float
    """How far it rises from the scalp at the root, 0 along the skin to 1 straight out."""
    stiffness: float
    """Share of the last step's direction that the next one keeps."""
    gravity: float
    ramp_cm: float = 1.6
    """Length over which the hair reaches its layer's height."""
    cling: float = 0.0
    """How strongly hair that rises above its layer is pulled back, 0 to 1."""


def grow(roots: Roots, length: Array, height: Array, comb: Comb, habit: Habit, obstacle: Obstacle, num: int) -> Array:
    """Grow curves of num points.

    Args:
        roots: where they start; S of them.
        length: (S,) cm.
        height: (S,) cm above the skin at which each curve runs.
        comb: direction of combing.
        habit: how the style's hair grows.
        obstacle: what the hair must not cross.
        num: points per curve.

    Returns:
        (S, num, 3) cm.
    """
    step = (length / (num - 1))[:, None]
    direction = unit(habit.lift * roots.normal + (1 - habit.lift) * comb(roots.position, 0.0))
    current = roots.position + 0.02 * roots.normal
    curve = [current]
    for k in range(1, num):
        share = k / (num - 1)
        point = current + direction * step
        distance, outward = obstacle.distance(point)
        wanted = 0.12 + height * smoothstep(0.0, habit.ramp_cm, step[:, 0] * k)
        push = np.maximum(wanted - distance, 0)[:, None]
        point = point + outward * push
        if habit.cling:
            near = smoothstep(9.0, 6.0, distance) * smoothstep(-5.0, -1.0, point[:, 1])
            point = point - outward * (habit.cling * near * np.maximum(distance - wanted, 0))[:, None]
        free = current + unit(point - current) * step
        current = np.where(push > 0.5 * step, point, free)
        curve.append(current)
        goal = comb(current, share)
        goal = goal - outward * np.minimum((goal * outward).sum(1, keepdims=True), 0) * (distance < 1.5)[:, None]
        goal = goal + DOWN * habit.gravity * (0.4 + share)
        direction = unit(habit.stiffness * unit(curve[-1] - curve[-2]) + (1 - habit.stiffness) * unit(goal))
    return smooth(np.stack(curve, 1), 2 if num < 24 else 4)


def smooth(curves: Array, passes: int = 2) -> Array:
    """Curves (S, K, 3) with their corners rounded; ends and bends stay where they are (Taubin, 1995)."""
    for share in (0.5, -0.52) * passes:
        bend = 0.5 * (curves[:, :-2] + curves[:, 2:]) - curves[:, 1:-1]
        curves = np.concatenate([curves[:, :1], curves[:, 1:-1] + share * bend, curves[:, -1:]], 1)
    return curves.astype(np.float32)


def resample(curves: Array, share: Array, num: int) -> Array:
    """The first part of curves (S, K, 3), share (S,) of their points, with num points each."""
    last = curves.shape[1] - 1
    at = np.linspace(0, 1, num)[None] * (share * last)[:, None]
    low = np.minimum(at.astype(np.int64), last - 1)
    part = (at - low)[..., None].astype(np.float32)
    row = np.arange(len(curves))[:, None]
    return np.asarray(curves[row, low] * (1 - part) + curves[row, low + 1] * part, dtype=np.float32)


def cut_below(curves: Array, end_y: Array) -> Array:
    """Share (S,) of each curve (S, K, 3) that is above end_y (S,)."""
    last = curves.shape[1] - 1
    below = curves[..., 1] < end_y[:, None]
    first = np.where(below.any(1), below.argmax(1), last).clip(1)
    row = np.arange(len(curves))
    above, under = curves[row, first - 1, 1], curves[row, first, 1]
    part = np.where(below.any(1), (above - end_y) / np.maximum(above - under, 1e-4), 1.0).clip(0, 1)
    return np.asarray((first - 1 + part) / last, dtype=np.float32)


def cut_at_throat(curves: Array) -> Array:
    """Share (S,) of each curve (S, K, 3) before it reaches the front of the neck."""
    x, y, z = np.abs(curves[..., 0]), curves[..., 1], curves[..., 2]
    inside = (y < -9.5) & (z > -8.5) & (x < 4.4 + 0.25 * (-9.5 - y))
    last = curves.shape[1] - 1
    return np.where(inside.any(1), inside.argmax(1) / last, 1.0).astype(np.float32)


def crosses_face(curves: Array) -> Array:
    """(S,) true where a curve (S, K, 3) passes in front of the face."""
    x, y, z = np.abs(curves[..., 0]), curves[..., 1], curves[..., 2]
    oval = (x / 5.6) ** 2 + ((y + 3.0) / 8.2) ** 2 < 1
    return np.asarray((oval & (z > -3.5)).any(1))


def clump(curves: Array, roots: Roots, every: int, amount: Array, rng: np.random.Generator) -> Array:
    """Draw curves (S, K, 3) together into locks towards their tips; each keeps its height above the head.

    Args:
        curves: the curves.
        roots: their roots.
        every: one curve of this number leads a lock.
        amount: (K,) or (S, K) share of the way to the leader at each point.
        rng: where the random numbers come from.
    """
    leaders = np.sort(rng.choice(len(curves), max(4, len(curves) // every), replace=False))
    _, nearest = cKDTree(roots.canonical[leaders]).query(roots.canonical)
    delta = curves[leaders[nearest]] - curves
    outward = unit(curves - SKULL_CENTER)
    delta = delta - (delta * outward).sum(-1, keepdims=True) * outward
    near = smoothstep(3.0, 1.2, np.linalg.norm(delta, axis=-1))
    pull = (amount * np.minimum.accumulate(near, 1))[..., None]
    return np.asarray(curves + pull * delta, dtype=np.float32)
