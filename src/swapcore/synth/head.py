"""One person's head at rest: the finer mesh, its normals and named vertex groups."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from swapcore.synth.asset import MASK_PX, MASKS, Asset, Floats, Ints, load_asset
from swapcore.synth.compiled import compiled

Eye = tuple[Floats, float]
"""Center (3,) in cm and radius in cm."""


@dataclass(frozen=True)
class Topology:
    """What all heads share: subdivision matrices, triangles, mean shape and groups."""

    subdivide: dict[str, sparse.csr_matrix]
    """Part -> (V, N) weights of the coarse vertices in the fine ones."""
    quads: dict[str, Ints]
    triangles: dict[str, Ints]
    canonical: dict[str, Floats]
    """Part -> (V, 3) the fine vertices of the mean head, cm."""
    groups: dict[str, Floats]
    """Name -> (V,) weights in 0..1 of the fine skin vertices."""
    upper_teeth: Floats
    """(V,) 1 for fine teeth vertices of the upper jaw."""


@dataclass(frozen=True)
class Head:
    """A head at rest, neutral, facing the camera; see layers.py for the frame."""

    coarse: Floats
    """(N, 3) cm, every vertex of the asset."""
    vertices: Floats
    """(V, 3) cm, the fine skin mesh."""
    normals: Floats
    """(V, 3)."""
    quads: Ints
    triangles: Ints
    canonical: Floats
    """(V, 3) the same vertices on the mean head."""
    groups: dict[str, Floats]
    eyes: tuple[Eye, Eye]
    """Of the image's left and right."""

    @property
    def uv(self) -> Floats:
        """(V, 2) place of each vertex in the head's texture."""
        from swapcore.synth.surface import to_uv

        return to_uv(self.canonical)


def build_head(coarse: Floats) -> Head:
    """Make the finer mesh of coarse vertices (N, 3) in cm."""
    topology = load_topology()
    vertices = subdivide("skin", coarse)
    quads = topology.quads["skin"]
    return Head(
        coarse=coarse,
        vertices=vertices,
        normals=quad_normals(vertices, quads),
        quads=quads,
        triangles=topology.triangles["skin"],
        canonical=topology.canonical["skin"],
        groups=topology.groups,
        eyes=find_eyes(coarse),
    )


def subdivide(part: str, coarse: Floats) -> Floats:
    """Fine vertices (V, 3) of a part from coarse ones (N, 3)."""
    return np.asarray(load_topology().subdivide[part] @ coarse, dtype=np.float32)


def find_eyes(coarse: Floats) -> tuple[Eye, Eye]:
    """Fit the eyeballs to the mesh's coarse balls.

    Returns:
        Of the image's left and of the image's right: center (3,) and radius in cm.
    """
    groups = load_asset().groups
    left, right = (_fit_ball(coarse[groups[name]]) for name in ("right_eye", "left_eye"))
    return left, right


def _fit_ball(points: Floats) -> Eye:
    center = (points.max(0) + points.min(0)) / 2
    return center, float(np.median(np.linalg.norm(points - center, axis=1)))


@compiled
def quad_normals(vertices: Floats, quads: Ints) -> Floats:
    """Normals (V, 3) of length 1: sums of the quads' around each vertex, weighted by area."""
    sums = np.zeros(vertices.shape, np.float64)
    for k in range(len(quads)):
        a, b, c, d = quads[k, 0], quads[k, 1], quads[k, 2], quads[k, 3]
        ux, uy, uz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        vx, vy, vz = vertices[d, 0] - vertices[b, 0], vertices[d, 1] - vertices[b, 1], vertices[d, 2] - vertices[b, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for j in range(4):
            i = quads[k, j]
            sums[i, 0] += nx
            sums[i, 1] += ny
            sums[i, 2] += nz
    normals = np.empty(vertices.shape, np.float32)
    for i in range(len(sums)):
        length = max((sums[i, 0] ** 2 + sums[i, 1] ** 2 + sums[i, 2] ** 2) ** 0.5, 1e-12)
        for j in range(3):
            normals[i, j] = sums[i, j] / length
    return normals


def quads_to_triangles(quads: Ints) -> Ints:
    """Triangles (2F, 3): the two halves of each quad, all first halves before the second ones."""
    return np.ascontiguousarray(np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]), dtype=np.int32)


@functools.cache
def load_topology() -> Topology:
    """Subdivide the asset's mesh once."""
    from swapcore.synth.shape import mean_coarse

    asset, mean = load_asset(), mean_coarse()
    matrices, quads, groups = {}, {}, {}
    for part, coarse_quads in asset.quads.items():
        matrices[part], quads[part] = catmull_clark(coarse_quads, len(asset.base))
        if part == "skin":
            groups = _skin_groups(asset, quads[part], matrices[part], mean)
    canonical = {part: np.asarray(matrix @ mean, dtype=np.float32) for part, matrix in matrices.items()}
    is_upper = np.zeros(len(asset.base), np.float32)
    is_upper[asset.groups["upper_teeth"]] = 1
    return Topology(
        subdivide=matrices,
        quads=quads,
        triangles={part: quads_to_triangles(of_part) for part, of_part in quads.items()},
        canonical=canonical,
        groups=groups,
        upper_teeth=np.asarray(matrices["teeth"] @ is_upper > 0.5, dtype=np.float32),
    )


def catmull_clark(quads: Ints, num_vertices: int) -> tuple[sparse.csr_matrix, Ints]:
    """One level of subdivision (Catmull and Clark, 1978), borders as cubic B-splines.

    Args:
        quads: (F, 4) indices below num_vertices; vertices that no quad has give none.
        num_vertices: of the coarse mesh.

    Returns:
        Weights (V, num_vertices) and quads (4F, 4) of the fine mesh: first its old vertices, then edges, then faces.
    """
    used, compact = np.unique(quads, return_inverse=True)
    compact = compact.reshape(quads.shape)
    num_used, num_quads = len(used), len(quads)
    ends = np.stack([compact, np.roll(compact, -1, 1)], -1).reshape(-1, 2)
    edges, edge_of, count = np.unique(np.sort(ends, 1), axis=0, return_inverse=True, return_counts=True)
    edge_of = edge_of.reshape(-1)
    face_points = _matrix(np.repeat(np.arange(num_quads), 4), compact.ravel(), 0.25, (num_quads, num_used))
    midpoints = _matrix(np.repeat(np.arange(len(edges)), 2), edges.ravel(), 0.5, (len(edges), num_used))
    edge_faces = _matrix(edge_of, np.repeat(np.arange(num_quads), 4), 1 / count[edge_of], (len(edges), num_quads))
    inside = sparse.diags((count == 2) * 0.5)
    edge_points = midpoints - inside @ midpoints + inside @ (edge_faces @ face_points)
    vertex_points = _vertex_points(compact, edges, count, face_points, midpoints, num_used)
    to_used = _matrix(np.arange(num_used), used, 1.0, (num_used, num_vertices))
    matrix = (sparse.vstack([vertex_points, edge_points, face_points]) @ to_used).tocsr().astype(np.float32)
    matrix.sort_indices()
    first_edge, first_face = num_used, num_used + len(edges)
    on_edge = edge_of.reshape(num_quads, 4) + first_edge
    center = np.broadcast_to((np.arange(num_quads) + first_face)[:, None], compact.shape)
    fine = np.stack([compact, on_edge, center, np.roll(on_edge, 1, 1)], -1).reshape(-1, 4)
    return matrix, fine.astype(np.int32)


def _vertex_points(
    quads: Ints, edges: Ints, count: Ints, face_points: sparse.spmatrix, midpoints: sparse.spmatrix, num: int
) -> sparse.spmatrix:
    """(num, num): (faces' mean + 2 edges' mean + (n - 3) old) / n inside, (1, 6, 1) / 8 along borders."""
    num_faces, num_edges = np.bincount(quads.ravel(), minlength=num), np.bincount(edges.ravel(), minlength=num)
    corners, ends = quads.ravel(), edges.ravel()
    faces_mean = _matrix(corners, np.repeat(np.arange(len(quads)), 4), 1 / num_faces[corners], (num, len(quads)))
    edges_mean = _matrix(ends, np.repeat(np.arange(len(edges)), 2), 1 / num_edges[ends], (num, len(edges)))
    n = num_edges.astype(np.float64)
    smooth = sparse.diags(1 / n) @ (faces_mean @ face_points) + sparse.diags(2 / n) @ (edges_mean @ midpoints)
    smooth = smooth + sparse.diags((n - 3) / n)
    rim = edges[count == 1]
    neighbors = _matrix(rim.ravel(), rim[:, ::-1].ravel(), 0.125, (num, num)) + sparse.diags(np.full(num, 0.75))
    on_rim = np.zeros(num)
    on_rim[rim.ravel()] = 1
    return sparse.diags(1 - on_rim) @ smooth + sparse.diags(on_rim) @ neighbors


def _matrix(rows: Ints, columns: Ints, values: object, shape: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.broadcast_to(values, rows.shape), (rows, columns)), shape)  # type: ignore[call-overload]


def _skin_groups(asset: Asset, quads: Ints, matrix: sparse.csr_matrix, mean: Floats) -> dict[str, Floats]:
    """Named weights of the fine skin vertices: the asset's painted masks, lash lines and scalp."""
    uv = np.zeros((matrix.shape[0], 2), np.float32)
    uv[quads.ravel()] = _fine_uv(asset.quad_uv["skin"]).reshape(-1, 2)
    groups = {}
    for name in MASKS:
        key = name.replace("-", "_")
        blurred = cv2.GaussianBlur(asset.masks[key].astype(np.float32) / 255, (0, 0), 1.0)
        column, row = uv[:, 0] * MASK_PX - 0.5, (1 - uv[:, 1]) * MASK_PX - 0.5
        groups[key] = cv2.remap(blurred, column[None], row[None], cv2.INTER_LINEAR)[0]
    canonical = np.asarray(matrix @ mean, dtype=np.float32)
    groups["upper_lash_line"], groups["lower_lash_line"] = _lash_lines(asset, mean, canonical)
    return groups


def _fine_uv(corners: Floats) -> Floats:
    """(4F, 4, 2) texture coordinates of the subdivided quads of corners (F, 4, 2)."""
    middle = (corners + np.roll(corners, -1, 1)) / 2
    center = np.broadcast_to(corners.mean(1, keepdims=True), corners.shape)
    return np.stack([corners, middle, center, np.roll(middle, 1, 1)], 2).reshape(-1, 4, 2)


def _lash_lines(asset: Asset, mean: Floats, canonical: Floats) -> tuple[Floats, Floats]:
    """1 at the edge of the upper and of the lower lid, falling off within about a millimeter."""
    lines = []
    for row in _lash_rows(asset, mean):
        distance, _ = cKDTree(row).query(canonical)
        lines.append(np.exp(-((distance / 0.13) ** 2)).astype(np.float32))
    return lines[0], lines[1]


def _lash_rows(asset: Asset, mean: Floats) -> tuple[Floats, Floats]:
    """Roots of the upper and of the lower lashes of both eyes on the mean head."""
    upper: list[Floats] = []
    lower: list[Floats] = []
    for side in ("left", "right"):
        center, _ = _fit_ball(mean[asset.groups[f"{side}_eye"]])
        for row in "ab":
            points = mean[asset.groups[f"{side}_{row}_lashes"]]
            distance = np.linalg.norm(points - center, axis=1)
            roots = points[distance < np.quantile(distance, 0.35)]
            (upper if points[:, 1].mean() > center[1] else lower).append(roots)
    return np.concatenate(upper), np.concatenate(lower)
