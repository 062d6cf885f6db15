"""Surfaces of worn things: grids, tubes, shells around the head."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, maximum_filter

from swapcore.synth.asset import Ints
from swapcore.synth.hair.scalp import Array, unit
from swapcore.synth.layers import Layer, Material, Part


def grid_triangles(rows: int, columns: int, closed: bool = False) -> Ints:
    """Triangles (T, 3) of a grid of rows x columns points, row by row; closed joins the last column to the first.

    They count counterclockwise where columns run to the right and rows upward.
    """
    across = columns if closed else columns - 1
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(across), indexing="ij")
    a = row * columns + column
    b = row * columns + (column + 1) % columns
    c, d = b + columns, a + columns
    quads = np.stack([a, b, c, d], -1).reshape(-1, 4)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def make_layer(
    points: Array,
    triangles: Ints,
    color: npt.ArrayLike,
    material: Material,
    part: Part,
    attach: str = "head",
    opacity: float = 1.0,
    detail: Array | None = None,
    two_sided: bool = False,
) -> Layer:
    """A layer of one opacity; color is (3,) or (V, 3), detail (V, 2) in cm."""
    vertices = np.ascontiguousarray(points.reshape(-1, 3), dtype=np.float32)
    return Layer(
        vertices=vertices,
        triangles=np.ascontiguousarray(triangles, dtype=np.int32),
        normals=None,
        color=np.ascontiguousarray(np.broadcast_to(np.asarray(color, np.float32), vertices.shape)),
        opacity=np.full(len(vertices), opacity, np.float32),
        detail=np.zeros((len(vertices), 2), np.float32) if detail is None else detail.astype(np.float32),
        material=material,
        attach=attach,
        part=part,
        two_sided=two_sided,
    )


def sweep(path: Array, up: Array, profile: Array, closed: bool = False) -> tuple[Array, Ints]:
    """A tube along a path.

    Args:
        path: (N, 3) cm.
        up: (3,) or (N, 3) directions that the profile's second axis follows.
        profile: (P, 2) cm across and along up, counterclockwise seen against the path's direction.
        closed: the path ends where it begins.

    Returns:
        Points (N x P, 3) and triangles; ends stay open.
    """
    along = unit(np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0))
    side = unit(np.cross(along, np.broadcast_to(up, path.shape)))
    second = np.cross(side, along)
    points = path[:, None] + side[:, None] * profile[None, :, :1] + second[:, None] * profile[None, :, 1:]
    num, around = len(path), len(profile)
    if closed:
        points = np.concatenate([points, points[:1]])
        num += 1
    return points.reshape(-1, 3).astype(np.float32), grid_triangles(num, around, closed=True)[:, ::-1]


def box_profile(width: float, depth: float, rounded: float = 0.3) -> Array:
    """(8, 2) a rectangle with cut corners."""
    w, d = width / 2, depth / 2
    cut = min(w, d) * rounded
    octant = [(w, d - cut), (w - cut, d)]
    corners = [
        (w, -d + cut),
        *octant,
        *((-x, y) for x, y in octant[::-1]),
        (-w, -d + cut),
        (-w + cut, -d),
        (w - cut, -d),
    ]
    return np.array(corners, np.float32)


def directions(polar: Array, azimuth: Array, pole: int) -> Array:
    """Unit vectors (..., 3) at angles from an axis of the head: pole 1 is up, 2 the face's direction."""
    sine, cosine = np.sin(polar), np.cos(polar)
    if pole == 1:
        return np.stack([sine * np.sin(azimuth), cosine, sine * np.cos(azimuth)], -1).astype(np.float32)
    return np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], -1).astype(np.float32)


class RadialFit:
    """Distance of the skin's outermost points from a center, as a smooth function of direction."""

    _ROWS, _COLUMNS = 72, 144

    def __init__(self, points: Array, center: Array, pole: int, spread: int = 3, smooth: float = 1.5) -> None:
        self._pole = pole
        offset = points - center
        radius = np.linalg.norm(offset, axis=1)
        row, column = self._cell(offset / radius[:, None])
        grid = np.zeros((self._ROWS, self._COLUMNS), np.float32)
        np.maximum.at(grid, (row.astype(int).clip(0, self._ROWS - 1), column.astype(int) % self._COLUMNS), radius)
        for _ in range(24):
            if (grid > 0).all():
                break
            grid = np.where(grid > 0, grid, maximum_filter(grid, 3, mode=("nearest", "wrap")))
        grid = maximum_filter(grid, spread, mode=("nearest", "wrap"))
        self._grid = gaussian_filter(grid, smooth, mode=("nearest", "wrap"))

    def _cell(self, direction: Array) -> tuple[Array, Array]:
        if self._pole == 1:
            polar, azimuth = np.arccos(direction[..., 1].clip(-1, 1)), np.arctan2(direction[..., 0], direction[..., 2])
        else:
            polar, azimuth = np.arccos(direction[..., 2].clip(-1, 1)), np.arctan2(direction[..., 1], direction[..., 0])
        return polar / np.pi * self._ROWS, azimuth / (2 * np.pi) % 1 * self._COLUMNS

    def radius(self, direction: Array) -> Array:
        """Smoothed distance (...,) in cm in unit directions (..., 3)."""
        row, column = self._cell(direction)
        row, column = row - 0.5, column - 0.5
        low = np.floor(row).astype(int).clip(0, self._ROWS - 2)
        left = np.floor(column).astype(int)
        down, right = (row - low).clip(0, 1), column - left
        a, b = left % self._COLUMNS, (left + 1) % self._COLUMNS
        top = self._grid[low, a] * (1 - right) + self._grid[low, b] * right
        bottom = self._grid[low + 1, a] * (1 - right) + self._grid[low + 1, b] * right
        return np.asarray(top * (1 - down) + bottom * down, dtype=np.float32)


def clip_mesh(vertices: Array, triangles: Ints, inside: Array) -> tuple[Array, Ints, Ints, Array]:
    """Cut a mesh along the line where a function of its vertices is zero.

    Args:
        vertices: (V, 3).
        triangles: (T, 3).
        inside: (V,) positive where the mesh is kept.

    Returns:
        New triangles' corners as mixtures: pairs of old vertices (W, 2), triangles (T', 3), and the share (W,) of the
        second of each pair; first the corners' positions (W, 3).
    """
    keep = inside > 0
    count = keep[triangles].sum(1)
    whole = triangles[count == 3]
    corners = [np.stack([whole, whole], -1)]
    for number in (1, 2):
        part = triangles[count == number]
        odd = keep[part] if number == 1 else ~keep[part]
        first = odd.argmax(1)
        a, b, c = (np.take_along_axis(part, ((first + k) % 3)[:, None], 1)[:, 0] for k in range(3))
        if number == 1:
            corners.append(np.stack([np.stack([a, a], -1), np.stack([a, b], -1), np.stack([a, c], -1)], 1))
        else:
            corners.append(np.stack([np.stack([a, b], -1), np.stack([b, b], -1), np.stack([c, c], -1)], 1))
            corners.append(np.stack([np.stack([a, b], -1), np.stack([c, c], -1), np.stack([a, c], -1)], 1))
    pairs = np.sort(np.concatenate(corners).reshape(-1, 2), axis=1)
    unique, index = np.unique(pairs, axis=0, return_inverse=True)
    first, second = inside[unique[:, 0]], inside[unique[:, 1]]
    gap = first - second
    share = np.where(unique[:, 0] == unique[:, 1], 0.0, first / np.where(np.abs(gap) < 1e-9, 1.0, gap)).clip(0, 1)
    points = vertices[unique[:, 0]] * (1 - share[:, None]) + vertices[unique[:, 1]] * share[:, None]
    return points.astype(np.float32), index.reshape(-1, 3).astype(np.int32), unique, share.astype(np.float32)
