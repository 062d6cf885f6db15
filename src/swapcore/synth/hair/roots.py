"""Roots of hair on a head, and the skin as an obstacle."""

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from swapcore.synth.hair.scalp import Array, unit
from swapcore.synth.head import Head

IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Roots:
    """Places on the skin where hair grows; N of them."""

    position: Array
    normal: Array
    canonical: Array
    """(N, 3) on the mean head."""
    vertex: IntArray
    """(N,) the skin's vertex nearest to each root."""
    cover: Array
    """(N,) density of hair there, 0 to 1."""

    def take(self, chosen: Array) -> Self:
        """The chosen ones, by index or by mask."""
        return dataclasses.replace(
            self, **{field.name: getattr(self, field.name)[chosen] for field in dataclasses.fields(self)}
        )

    def __len__(self) -> int:
        return len(self.position)


def scatter_roots(head: Head, cover: Array, count: int, rng: np.random.Generator) -> Roots:
    """Place roots on the skin, evenly by area on the mean head times cover.

    Args:
        head: the head at rest.
        cover: (V,) density of hair at each vertex, 0 to 1.
        count: number of roots.
        rng: where the random numbers come from.
    """
    grown = cover > 0
    growing = head.triangles[grown[head.triangles[:, 0]] | grown[head.triangles[:, 1]] | grown[head.triangles[:, 2]]]
    a, b, c = (head.canonical[growing[:, i]] for i in range(3))
    share = np.linalg.norm(np.cross(b - a, c - a), axis=1) * cover[growing].mean(1)
    total = np.cumsum(share.astype(np.float64))
    at = (np.arange(count) + rng.random(count)) / count * total[-1]
    chosen = growing[np.searchsorted(total, at).clip(0, len(growing) - 1)]
    weight = rng.dirichlet([1.0, 1.0, 1.0], count).astype(np.float32)

    def mix(values: Array) -> Array:
        return np.asarray(np.einsum("nk,nk...->n...", weight, values[chosen]), dtype=np.float32)

    return Roots(
        mix(head.vertices),
        unit(mix(head.normals)),
        mix(head.canonical),
        np.ascontiguousarray(chosen[np.arange(count), weight.argmax(1)], dtype=np.int32),
        mix(cover),
    )


class Obstacle:
    """The skin, or what covers it, that hair must not cross.

    The vertices of the coarse mesh, which come first in the fine one, are dense enough: about 1 cm apart on the skull.
    """

    def __init__(self, head: Head, lift: Array | None = None, where: Array | None = None) -> None:
        """Take the skin of a head, moved outward by lift (V,) cm, or only the vertices where (V,) is true."""
        first = int(head.quads[:, 0].max()) + 1
        keep = head.groups["inside_mouth"][:first] < 0.5
        if where is not None:
            keep &= where[:first]
        self._points, self._normals = head.vertices[:first][keep], head.normals[:first][keep]
        if lift is not None:
            self._points = self._points + self._normals * lift[:first][keep, None]
        self._tree = cKDTree(self._points, balanced_tree=False, compact_nodes=False)

    def distance(self, points: Array) -> tuple[Array, Array]:
        """Signed distance (N,) of points (N, 3) from the skin, positive outside, and its gradient (N, 3).

        It is the distance to the plane of the nearest vertex: exact near the skin and too small far away.
        """
        _, nearest = self._tree.query(points)
        normal = self._normals[nearest]
        height = np.einsum("nc,nc->n", points - self._points[nearest], normal)
        return np.asarray(height, dtype=np.float32), normal
