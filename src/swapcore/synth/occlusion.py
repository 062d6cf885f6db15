"""How much of the surroundings each vertex of the mean head sees, computed once and kept in the cache."""

import functools

import numpy as np

from swapcore.cache import cache_folder
from swapcore.synth.asset import FORMAT, SOURCES_SHA256, Floats, read_cache, write_cache
from swapcore.synth.eyes import unit_ball
from swapcore.synth.head import find_eyes, load_topology, quad_normals
from swapcore.synth.rasterize import rasterize
from swapcore.synth.shape import mean_coarse

_DIRECTIONS, _MAP_PX, _MAP_CM = 160, 420, 44.0


@functools.cache
def vertex_occlusion() -> Floats:
    """(V,) share in 0..1 of the light from everywhere that reaches the skin's vertices past the mean head itself."""
    path = cache_folder() / f"occlusion-{SOURCES_SHA256[:16]}-{FORMAT}.npz"
    arrays = read_cache(path)
    if arrays is None or "occlusion" not in arrays:
        arrays = {"occlusion": _compute()}
        write_cache(path, arrays)
    return arrays["occlusion"].astype(np.float32)


def _compute() -> Floats:
    topology = load_topology()
    canonical, quads = topology.canonical["skin"], topology.quads["skin"]
    ball, ball_triangles = unit_ball()
    vertices, triangles, start = [], [], 0
    pieces = [(topology.canonical[part], topology.triangles[part]) for part in ("skin", "teeth", "tongue")]
    pieces += [(ball * radius + center, ball_triangles) for center, radius in find_eyes(mean_coarse())]
    for points, of_piece in pieces:
        vertices.append(points)
        triangles.append(of_piece + start)
        start += len(points)
    normals = quad_normals(canonical, quads)
    seen, total = np.zeros(len(canonical)), np.zeros(len(canonical))
    everything = np.concatenate(vertices).astype(np.float32), np.concatenate(triangles).astype(np.int32)
    for direction in _sphere_directions():
        facing = np.clip(normals @ direction, 0, None)
        seen += facing * _open(direction, *everything, canonical + 0.06 * normals)
        total += facing
    return (seen / np.maximum(total, 1e-9)).astype(np.float32)


def _sphere_directions() -> Floats:
    """(_DIRECTIONS, 3) spread evenly by the golden angle."""
    number = np.arange(_DIRECTIONS) + 0.5
    height, around = 1 - 2 * number / _DIRECTIONS, number * 2.399963
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(around), height, ring * np.sin(around)], 1).astype(np.float32)


def _open(direction: Floats, vertices: Floats, triangles: Floats, points: Floats) -> Floats:
    """(V,) 1 where nothing is between a point and the sky in a direction."""
    right = np.cross([0.13, 0.98, 0.1], direction)
    right /= np.linalg.norm(right)
    axes = np.stack([right, -np.cross(direction, right), -direction], 1).astype(np.float32)

    def to_map(where: Floats) -> Floats:
        flat = (where - np.array([0, -3, 0], np.float32)) @ axes
        flat[:, :2] = flat[:, :2] * np.float32(_MAP_PX / _MAP_CM) + np.float32(_MAP_PX / 2)
        return np.asarray(flat, dtype=np.float32)

    _, depth = rasterize(to_map(vertices), triangles, np.ones(len(triangles), np.bool_), _MAP_PX, _MAP_PX)
    here = to_map(points)
    column, row = (np.clip(here[:, axis].astype(int), 0, _MAP_PX - 1) for axis in (0, 1))
    return np.asarray(here[:, 2] < depth[row, column] + 0.10, dtype=np.float32)
