"""Eyelashes, rooted in the edges of the lids."""

import functools

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from swapcore.synth.asset import load_asset
from swapcore.synth.colors import hair_color
from swapcore.synth.hair.scalp import Array, smoothstep, unit
from swapcore.synth.head import Head
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Part, Ribbons

_UPPER, _LOWER = 66, 40
"""Lashes of one lid at detail 1."""
_POINTS = 5
_ROOTS = 0.3
"""Share of the mesh's lash vertices, nearest the eye, that are roots."""


@functools.cache
def lash_rows() -> tuple[tuple[npt.NDArray[np.int64], bool, int], ...]:
    """For each lid: the mesh's lash roots from the left to the right, whether it is an upper lid, and its eye."""
    from swapcore.synth.head import find_eyes
    from swapcore.synth.shape import mean_coarse

    mean, groups = mean_coarse(), load_asset().groups
    eyes = find_eyes(mean)
    rows = []
    for eye, side in ((0, "right"), (1, "left")):
        for row in "ab":
            vertices = np.asarray(groups[f"{side}_{row}_lashes"])
            points = mean[vertices]
            distance = np.linalg.norm(points - eyes[eye][0], axis=1)
            roots = vertices[distance < np.quantile(distance, _ROOTS)]
            roots = roots[np.argsort(mean[roots, 0])]
            rows.append((roots, bool(points[:, 1].mean() > eyes[eye][0][1]), eye))
    return tuple(rows)


@functools.cache
def _nearest_skin(row: int) -> npt.NDArray[np.int32]:
    """Index of the skin vertex nearest to each root of a row."""
    from swapcore.synth.head import load_topology
    from swapcore.synth.shape import mean_coarse

    _, nearest = cKDTree(load_topology().canonical["skin"]).query(mean_coarse()[lash_rows()[row][0]])
    return np.asarray(nearest, dtype=np.int32)


def grow_lashes(identity: Identity, head: Head, detail: float) -> tuple[Ribbons, ...]:
    """Grow the lashes of all four lids.

    Args:
        identity: parameters of the person.
        head: the head at rest.
        detail: number of lashes, 1 for images of 256 pixels.
    """
    rng = np.random.default_rng([identity.marks_seed, 23])
    parts = [_lid(identity, head, row, detail, rng) for row in range(4)]
    points, width, opacity, root = (np.concatenate([part[i] for part in parts]) for i in range(4))
    dark = max(0.82, identity.face_hair_darkness)
    dark = dark + (1 - dark) * identity.eye_makeup
    color = 0.5 * hair_color(dark, identity.face_hair_redness * (1 - identity.eye_makeup), 0.0)
    ribbons = Ribbons(
        points=points.astype(np.float32),
        width=width.astype(np.float32),
        opacity=opacity.astype(np.float32),
        color=np.broadcast_to(color, (len(points), 3)).astype(np.float32),
        light=np.full(width.shape, 0.9, np.float32),
        root=root.astype(np.int32),
        fibers=0.0,
        gloss=0.1,
        part=Part.LASH,
    )
    return (ribbons,)


def _lid(
    identity: Identity, head: Head, row: int, detail: float, rng: np.random.Generator
) -> tuple[Array, Array, Array, npt.NDArray[np.int32]]:
    """Points (S, K, 3), width and opacity (S, K) and roots (S,) of one lid's lashes."""
    vertices, upper, eye = lash_rows()[row]
    count = max(14, int((_UPPER if upper else _LOWER) * detail**0.7))
    at = (np.arange(count) + rng.uniform(0.2, 0.8, count)) / count * (len(vertices) - 1)
    line = head.coarse[vertices]
    base = np.stack([np.interp(at, np.arange(len(line)), line[:, i]) for i in range(3)], 1)
    center, radius = head.eyes[eye]
    lateral = (base[:, 0] - center[0]) / radius * (-1 if eye == 0 else 1)
    outward = unit(base - center)
    fan = np.sign(base[:, 0] - center[0]) * np.abs(base[:, 0] - center[0]) / radius
    up = 1.0 if upper else -1.0
    ends = smoothstep(0.0, 0.14, at / (len(vertices) - 1)) * smoothstep(1.0, 0.9, at / (len(vertices) - 1))
    longest = (0.36 if upper else 0.22) * (0.75 + 0.5 * identity.lash_length + 0.25 * identity.eye_makeup)
    length = longest * (0.45 + 0.55 * ends) * (0.9 + 0.18 * lateral) * rng.uniform(0.75, 1.15, count)
    aside = np.stack([0.55 * fan, np.zeros(count), np.zeros(count)], 1) + 0.10 * rng.normal(size=(count, 3))
    share = np.linspace(0, 1, _POINTS)[None, :, None]
    droop = -0.18 * up * share * (1 - share)
    rise = np.array([0.0, up, 0.15]) * (0.31 * share**1.7)
    path = (outward + aside)[:, None] * (share * (0.75 - 0.3 * share)) + rise + droop * np.array([0, 1.0, 0])
    points = base[:, None] + 0.01 * outward[:, None] + path * length[:, None, None]
    firm = (0.80 + 0.15 * identity.eye_makeup) * (1.0 if upper else 0.6)
    strong = firm * (0.85 + 0.15 * (1 - identity.masculinity)) * rng.uniform(0.8, 1.0, (count, 1))
    thick = (0.034 if upper else 0.022) * (1 + 0.5 * identity.eye_makeup) * detail**-0.3
    flat = share[..., 0]
    width = thick * (0.25 + 0.75 * (1 - flat) ** 1.5) * np.ones((count, 1))
    opacity = strong * (1 - 0.75 * flat**2)
    return points, width, opacity, _nearest_skin(row)[np.rint(at).astype(np.int64)]
