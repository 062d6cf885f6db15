"""A person with an image's expression in front of the camera: every solid surface in one list of triangles."""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swapcore.synth.asset import Floats, Ints
from swapcore.synth.attributes import Attributes
from swapcore.synth.camera import Pose, follows_head
from swapcore.synth.clothes import neckline
from swapcore.synth.curves import smoothsteps
from swapcore.synth.expression import expressed
from swapcore.synth.eyes import place_eye, unit_ball
from swapcore.synth.head import Head, find_eyes, load_topology, quad_normals, subdivide
from swapcore.synth.landmarks import landmark_positions
from swapcore.synth.layers import Layer, Material, Part
from swapcore.synth.mouth import place_teeth, place_tongue
from swapcore.synth.occlusion import vertex_occlusion
from swapcore.synth.person import Person
from swapcore.synth.shading import Scene
from swapcore.synth.wardrobe import wear

_TUCK_CM = 1.4
"""How far the skin below clothes is moved inward."""


@dataclass(frozen=True)
class Posed:
    """Surfaces in front of the camera, and what follows the skin."""

    scene: Scene
    two_sided: npt.NDArray[np.bool_]
    skin: Floats
    """(V, 3) fine skin vertices with the expression, in the head's frame."""
    skin_normals: Floats
    soft: tuple[Layer, ...]
    """Layers that are not solid everywhere."""
    points: Floats
    """(P, 3) landmarks in front of the camera."""


@dataclass(frozen=True)
class Piece:
    """One surface; columns as in shading.Scene."""

    placed: Floats
    normal: Floats
    local: Floats
    extra: Floats
    triangles: Ints
    material: Material
    part: Part
    two_sided: bool = False


def pose_person(person: Person, attributes: Attributes, pose: Pose) -> Posed:
    """Give a person an image's expression, gaze, clothes and place."""
    coarse = expressed(person.head.coarse, attributes)
    skin = subdivide("skin", coarse)
    normals = quad_normals(skin, load_topology().quads["skin"])
    tucked = skin - normals * _below_clothes(attributes.collar)[:, None]
    # The body's own surfaces come first, in the same order for everybody: correspondence.py relies on it.
    pieces = [
        _skin_piece(tucked, normals, person.head, pose),
        *_eye_pieces(person.head, attributes, pose),
        *_mouth_pieces(coarse, pose),
    ]
    irises = tuple(piece.placed[0] for piece in pieces[1:3])
    layers = (*person.grown.layers, *wear(attributes, person.head, person.subject.look.hair_style))
    pieces += [layer_piece(layer, pose) for layer in layers if _is_solid(layer)]
    scene, two_sided = join(pieces)
    return Posed(
        scene=scene,
        two_sided=two_sided,
        skin=skin,
        skin_normals=normals,
        soft=tuple(layer for layer in layers if not _is_solid(layer)),
        points=landmark_positions(person.subject.look, pieces[0].placed, (irises[0], irises[1])),
    )


@functools.cache
def num_body_triangles() -> int:
    """Triangles of skin, eyes, teeth and tongue, which are the first of every scene."""
    _, ball = unit_ball()
    return sum(len(triangles) for triangles in load_topology().triangles.values()) + 2 * len(ball)


def _is_solid(layer: Layer) -> bool:
    return bool(layer.opacity.min() >= 1)


def join(pieces: list[Piece]) -> tuple[Scene, npt.NDArray[np.bool_]]:
    """One scene out of several surfaces, and which triangles are seen from both sides (T,)."""
    starts = np.cumsum([0] + [len(piece.placed) for piece in pieces[:-1]])
    triangles = [piece.triangles + start for piece, start in zip(pieces, starts, strict=True)]

    def per_triangle(name: str) -> Ints:
        return np.concatenate([np.full(len(piece.triangles), int(getattr(piece, name)), np.int32) for piece in pieces])

    def per_vertex(name: str) -> Floats:
        return np.concatenate([getattr(piece, name) for piece in pieces]).astype(np.float32)

    scene = Scene(
        per_vertex("placed"), per_vertex("normal"), per_vertex("local"), per_vertex("extra"),
        np.concatenate(triangles).astype(np.int32), per_triangle("material"), per_triangle("part"),
    )  # fmt: skip
    return scene, per_triangle("two_sided").astype(np.bool_)


@functools.lru_cache(maxsize=8)
def _below_clothes(collar: int) -> Floats:
    """(V,) cm that the skin is moved inward where clothes cover it, so that it never shows through them."""
    depth = neckline(collar, load_topology().canonical["skin"])
    return np.asarray(_TUCK_CM * smoothsteps(0.3, 1.4, depth), dtype=np.float32)


@functools.cache
def _skin_extra() -> Floats:
    groups = load_topology().groups
    columns = (vertex_occlusion(), groups["inside_mouth"], groups["upper_lash_line"], groups["lower_lash_line"])
    return np.stack(columns, 1).astype(np.float32)


def _skin_piece(skin: Floats, normals: Floats, head: Head, pose: Pose) -> Piece:
    topology = load_topology()
    canonical = topology.canonical["skin"]
    # By the person's own height, as clothes and hair are bent.
    follows = follows_head(head.vertices[:, 1])
    return Piece(
        pose.place(skin, follows), pose.turn(normals, follows), canonical, _skin_extra(), topology.triangles["skin"],
        Material.SKIN, Part.FACE,
    )  # fmt: skip


def _eye_pieces(head: Head, attributes: Attributes, pose: Pose) -> list[Piece]:
    directions, triangles = unit_ball()
    pieces = []
    for side, eye in zip((-1, 1), find_eyes(head.coarse), strict=True):
        vertices, normals = place_eye(eye, side, attributes)
        extra = np.zeros((len(vertices), 4), np.float32)
        extra[:, 0] = -side
        placed, turned = pose.place(vertices), pose.turn(normals)
        pieces.append(Piece(placed, turned, directions, extra, triangles, Material.EYE, Part.EYE))
    return pieces


def _mouth_pieces(coarse: Floats, pose: Pose) -> list[Piece]:
    topology = load_topology()
    pieces = []
    for name, points, material in (
        ("teeth", place_teeth(coarse), Material.TEETH),
        ("tongue", place_tongue(coarse), Material.TONGUE),
    ):
        extra = np.zeros((len(points), 4), np.float32)
        extra[:, 0] = topology.upper_teeth if material is Material.TEETH else 0
        normals = pose.turn(quad_normals(points, topology.quads[name]))
        local, triangles = topology.canonical[name], topology.triangles[name]
        pieces.append(Piece(pose.place(points), normals, local, extra, triangles, material, Part.MOUTH))
    return pieces


def layer_piece(layer: Layer, pose: Pose) -> Piece:
    """Place a layer in front of the camera."""
    normals = triangle_normals(layer.vertices, layer.triangles) if layer.normals is None else layer.normals
    follows = None if layer.attach == "head" else follows_head(layer.vertices[:, 1])
    extra = np.zeros((len(layer.vertices), 4), np.float32)
    extra[:, :2], extra[:, 2] = layer.detail, layer.opacity
    return Piece(
        pose.place(layer.vertices, follows), pose.turn(normals, follows), layer.color, extra, layer.triangles,
        layer.material, layer.part, layer.two_sided,
    )  # fmt: skip


def triangle_normals(vertices: Floats, triangles: Ints) -> Floats:
    """(V, 3) of length 1: sums of the triangles' around each vertex, weighted by area."""
    # The diagonals of a quad whose last corner is its first are two sides of the triangle.
    return quad_normals(vertices, np.concatenate([triangles, triangles[:, :1]], 1).astype(np.int32))
