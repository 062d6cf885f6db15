"""Named points of the face: vertices of the mesh, so that their place in an image is exact."""

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from swapcore.synth.asset import Floats, Ints, load_asset
from swapcore.synth.brows import brow_place
from swapcore.synth.head import find_eyes, load_topology, quad_normals
from swapcore.synth.identity import Identity
from swapcore.synth.shape import mean_coarse

_ALIGNMENT = ("left_eye", "right_eye", "nose_base", "mouth_left", "mouth_right")
_CORNERS = ("left_eye_outer", "left_eye_inner", "right_eye_inner", "right_eye_outer")
_NUM_CONTOUR, _NUM_BROW, _NUM_LID, _NUM_OUTER_LIP, _NUM_INNER_LIP = 33, 5, 3, 5, 5


def _numbered(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}_{number}" for number in range(count))


_SIDED = tuple(
    f"{side}_{name}"
    for side in ("left", "right")
    for name in (
        *_numbered("brow_upper", _NUM_BROW), *_numbered("brow_lower", _NUM_BROW), *_numbered("lid_upper", _NUM_LID),
        *_numbered("lid_lower", _NUM_LID), "nostril", "nose_wing", "iris",
    )
)  # fmt: skip
POINT_NAMES: tuple[str, ...] = (
    *_ALIGNMENT, *_CORNERS, *_SIDED, *_numbered("contour", _NUM_CONTOUR), *_numbered("nose_bridge", 4),
    *_numbered("lip_outer_upper", _NUM_OUTER_LIP), *_numbered("lip_outer_lower", _NUM_OUTER_LIP),
    *_numbered("lip_inner_upper", _NUM_INNER_LIP), *_numbered("lip_inner_lower", _NUM_INNER_LIP),
    "lip_inner_left", "lip_inner_right",
)  # fmt: skip
"""Left is the image's left of a face that faces the camera; numbers count from the image's left to its right, along the
nose's bridge downward, along the contour over the chin. left_eye and right_eye are the middles of the corners."""

_JAW = np.array(
    [
        (7.35, 0.4), (7.25, -1.6), (7.0, -3.6), (6.55, -5.4), (5.85, -7.0), (4.9, -8.4), (3.7, -9.55), (2.3, -10.35),
        (1.1, -10.75), (0.0, -10.85),
    ]
)  # fmt: skip
"""The face's outline on the mean head from the ear to the chin: x, y in cm."""


def _nearest(target: npt.ArrayLike, allowed: npt.NDArray[np.bool_], axes: tuple[int, ...] = (0, 1, 2)) -> int:
    """The fine skin vertex of the mean head that is nearest to a target over some axes."""
    canonical = load_topology().canonical["skin"]
    distance = ((canonical[:, list(axes)] - np.asarray(target)) ** 2).sum(1)
    return int(np.where(allowed, distance, np.inf).argmin())


@functools.cache
def _front() -> npt.NDArray[np.bool_]:
    """(V,) vertices of the outer skin that faces forward or sideways, without ears and inside of the mouth."""
    topology = load_topology()
    normals = quad_normals(topology.canonical["skin"], topology.quads["skin"])
    groups = topology.groups
    return (normals[:, 2] > -0.2) & (groups["ears"] < 0.5) & (groups["inside_mouth"] < 0.2)


@functools.cache
def fixed_vertices() -> dict[str, int]:
    """Name -> fine skin vertex of every point that is the same vertex for everybody."""
    points = _contour_vertices() | _nose_vertices() | _lip_vertices()
    for name, side in (("left", -1), ("right", 1)):
        points |= {f"{name}_{point}": vertex for point, vertex in _lid_vertices(side).items()}
    return points


def _contour_vertices() -> dict[str, int]:
    steps = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(_JAW, axis=0), axis=1))])
    at = np.linspace(0, steps[-1], (_NUM_CONTOUR + 1) // 2)
    half = np.stack([np.interp(at, steps, _JAW[:, axis]) for axis in (0, 1)], 1)
    outline = np.concatenate([half * (-1, 1), half[-2::-1]])
    canonical = load_topology().canonical["skin"]
    allowed = _front() & (canonical[:, 2] > -7.5)
    return {f"contour_{n}": _nearest(point, allowed, (0, 1)) for n, point in enumerate(outline)}


def _nose_vertices() -> dict[str, int]:
    front = _front() & (load_topology().canonical["skin"][:, 2] > 1.8)
    bridge = {f"nose_bridge_{n}": _nearest((0, y), front, (0, 1)) for n, y in enumerate((0.0, -1.25, -2.5, -3.65))}
    sides = {}
    for name, side in (("left", -1), ("right", 1)):
        sides[f"{name}_nostril"] = _nearest((0.72 * side, -4.62, 2.95), front)
        sides[f"{name}_nose_wing"] = _nearest((1.62 * side, -3.95, 2.2), front)
    return {**bridge, **sides, "nose_base": _nearest((0, -4.85, 3.08), front)}


def _lid_vertices(side: int) -> dict[str, int]:
    """Corners and edges of the lids of one eye."""
    topology = load_topology()
    canonical, groups = topology.canonical["skin"], topology.groups
    here = np.sign(canonical[:, 0]) == side
    left, right = find_eyes(mean_coarse())
    center, _ = left if side < 0 else right
    upper, lower = here & (groups["upper_lash_line"] > 0.55), here & (groups["lower_lash_line"] > 0.55)
    both = canonical[upper | lower]
    away = both[:, 0] * side
    outer = _nearest(both[away.argmax()], here)
    inner = _nearest(both[away.argmin()], here)
    points = {"eye_outer": outer, "eye_inner": inner}
    ends = canonical[[inner, outer], 0]
    from_left = np.linspace(ends.min(), ends.max(), _NUM_LID + 2)[1:-1]
    for n, x in enumerate(from_left):
        for name, row, sign in (("lid_upper", upper, -1), ("lid_lower", lower, 1)):
            near = row & (np.abs(canonical[:, 0] - x) < 0.22)
            # The edge of a lid is where it comes nearest to the other one.
            height = np.where(near & (canonical[:, 2] > center[2]), sign * canonical[:, 1], -np.inf)
            points[f"{name}_{n}"] = int(height.argmax())
    return points


def _lip_vertices() -> dict[str, int]:
    """Outline of the lips, and the line where they meet."""
    topology = load_topology()
    canonical, lips = topology.canonical["skin"], topology.groups["lips"]
    drops = np.asarray(topology.subdivide["skin"] @ load_asset().units["jawOpen"])[:, 1] < -1.2
    on_lips = (lips > 0.4) & (canonical[:, 2] > 1.2)
    corner = _front() & (lips > 0.25) & (canonical[:, 2] > 1.2)
    points = {
        "mouth_left": _extreme(corner, -canonical[:, 0]),
        "mouth_right": _extreme(corner, canonical[:, 0]),
    }
    left, right = canonical[points["mouth_left"], 0], canonical[points["mouth_right"], 0]
    for name, rows, score in (
        ("lip_outer_upper", on_lips & ~drops, canonical[:, 1] + 0.5 * canonical[:, 2]),
        ("lip_outer_lower", on_lips & drops, -canonical[:, 1] + 0.5 * canonical[:, 2]),
    ):
        for n, x in enumerate(np.linspace(left, right, _NUM_OUTER_LIP + 2)[1:-1]):
            points[f"{name}_{n}"] = _extreme(rows & (np.abs(canonical[:, 0] - x) < 0.15), score)
    for name, rows, score in (
        ("lip_inner_upper", on_lips & ~drops, -canonical[:, 1]),
        ("lip_inner_lower", on_lips & drops, canonical[:, 1]),
    ):
        for n, x in enumerate(np.linspace(left, right, _NUM_INNER_LIP + 2)[1:-1]):
            points[f"{name}_{n}"] = _extreme(rows & (np.abs(canonical[:, 0] - x) < 0.15), score)
    for name, x in (("lip_inner_left", 0.86 * left), ("lip_inner_right", 0.86 * right)):
        points[name] = _extreme(on_lips & ~drops & (np.abs(canonical[:, 0] - x) < 0.12), -canonical[:, 1])
    return points


def _extreme(rows: npt.NDArray[np.bool_], score: Floats) -> int:
    return int(np.where(rows, score, -np.inf).argmax())


@functools.lru_cache(maxsize=64)
def brow_vertices(identity: Identity) -> dict[str, int]:
    """Name -> fine skin vertex of the borders of the brows, whose place on the skin is the person's own."""
    canonical = load_topology().canonical["skin"]
    along, across = brow_place(identity, canonical)
    points = {}
    for name, side in (("left", -1), ("right", 1)):
        allowed = _front() & (np.sign(canonical[:, 0]) == side) & (np.abs(across) < 4)
        order = np.linspace(0.06, 0.92, _NUM_BROW)
        for n, place in enumerate(order[::-1] if side < 0 else order):
            for edge, border in (("upper", 0.8), ("lower", -0.8)):
                distance = (3.7 * (along - place)) ** 2 + (0.4 * (across - border)) ** 2
                points[f"{name}_brow_{edge}_{n}"] = int(np.where(allowed, distance, np.inf).argmin())
    return points


def landmark_positions(identity: Identity, skin: Floats, irises: tuple[Floats, Floats]) -> Floats:
    """(P, 3) cm of POINT_NAMES.

    Args:
        identity: of the face, for the place of its brows.
        skin: (V, 3) fine skin vertices, in any frame.
        irises: (3,) middles of the pupils of the image's left and right eye, in the same frame.
    """
    vertices = fixed_vertices() | brow_vertices(identity)
    places: dict[str, Floats] = {name: skin[vertex] for name, vertex in vertices.items()}
    places |= {"left_iris": irises[0], "right_iris": irises[1]}
    for side in ("left", "right"):
        places[f"{side}_eye"] = (places[f"{side}_eye_outer"] + places[f"{side}_eye_inner"]) / 2
    return np.stack([places[name] for name in POINT_NAMES]).astype(np.float32)


def point_indices(chosen: Callable[[str], bool]) -> Ints:
    """Places in POINT_NAMES of the names that are chosen."""
    return np.array([n for n, name in enumerate(POINT_NAMES) if chosen(name)], np.int32)
