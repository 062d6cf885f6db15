"""A person and an image's attributes in, the image with its exact truth out."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.synth.asset import Floats, Ints
from swapcore.synth.attributes import Attributes
from swapcore.synth.camera import Camera, Pose, follows_head
from swapcore.synth.expression import expressed, unit_strengths
from swapcore.synth.eyes import iris_tone, place_eye, unit_ball
from swapcore.synth.head import Head, build_head, find_eyes, load_topology, quad_normals, subdivide
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Layer, Material, Part
from swapcore.synth.light import key_light, make_environment
from swapcore.synth.mouth import place_teeth, place_tongue, tooth_edges
from swapcore.synth.noise import noise_block
from swapcore.synth.occlusion import vertex_occlusion
from swapcore.synth.rasterize import FAR, rasterize
from swapcore.synth.ribbons import draw_ribbons, light_ribbons, move_with_skin, place_ribbons
from swapcore.synth.sensor import develop
from swapcore.synth.shading import BUFFER_CHANNELS, Lamps, Look, Scene, shade_solids
from swapcore.synth.shadow import ShadowMap, add_hair_shadow, cast_shadows, taps
from swapcore.synth.skin import bake_skin
from swapcore.synth.subject import Subject, subject_vertices
from swapcore.synth.wardrobe import Grown, covers, grow, lay, wear

RENDERER = 4
"""Raised whenever the same parameters give other pixels, together with the truth benchmark's VERSION; the card has it."""
MIN_PX, MAX_PX = 64, 2048
_SUPERSAMPLING = 2
_SCATTER_CM = (0.17, 0.075, 0.045)
"""How far red, green and blue light spreads in skin."""


@dataclass(frozen=True)
class Picture:
    """A rendered image and what is exactly true of it."""

    image: Image
    """uint8 (S, S, 3) RGB."""
    points: Points
    parts: npt.NDArray[np.uint8]
    """(S, S) values of Part."""
    depth: Floats
    """(S, S) cm from the camera along its axis; infinite in the background."""


@dataclass(frozen=True)
class Person:
    """Everything of a subject that does not depend on the image."""

    head: Head
    texture: Floats
    grown: Grown


@functools.lru_cache(maxsize=4)
def prepare(subject: Subject, size_px: int) -> Person:
    """Shape, bake and grow a person for images of a size; kept for that person's next images."""
    head = build_head(subject_vertices(subject))
    height = texture_height(size_px)
    texture = bake_skin(subject.look, subject.head, covers(subject.look, height), height)
    return Person(head, texture, grow(subject.look, head, detail_of(size_px)))


def texture_height(size_px: int) -> int:
    """Texels from pole to pole: about one per pixel of the supersampled face."""
    return 192 if size_px <= 96 else 320 if size_px <= 176 else 512 if size_px <= 384 else 768


def detail_of(size_px: int) -> float:
    """How finely hair is divided: 1 at 256 px."""
    return float(np.clip((size_px / 256) ** 0.6, 0.45, 1.8))


@dataclass(frozen=True)
class Posed:
    """A person with an image's expression, in front of the camera."""

    scene: Scene
    two_sided: npt.NDArray[np.bool_]
    skin: Floats
    """(V, 3) of the skin, expressed, in the head's frame."""
    skin_normals: Floats
    transparent: tuple[Layer, ...]


def pose_person(person: Person, subject: Subject, attributes: Attributes, pose: Pose) -> Posed:
    """Expression, gaze, clothes and place of every solid surface."""
    topology = load_topology()
    coarse = expressed(person.head.coarse, attributes)
    skin = subdivide("skin", coarse)
    normals = quad_normals(skin, topology.quads["skin"])
    pieces = [_skin_piece(skin, normals, pose), *_eye_pieces(person.head, attributes, pose)]
    pieces += _mouth_pieces(coarse, pose)
    layers = (*person.grown.layers, *wear(attributes, person.head))
    pieces += [_layer_piece(layer, pose) for layer in layers if is_solid(layer)]
    return Posed(
        scene=_join(pieces),
        two_sided=np.concatenate([np.full(len(piece.triangles), piece.two_sided) for piece in pieces]),
        skin=skin,
        skin_normals=normals,
        transparent=tuple(layer for layer in layers if not is_solid(layer)),
    )


def is_solid(layer: Layer) -> bool:
    """Whether a layer hides all that is behind it."""
    return bool(layer.opacity.min() >= 1)


@dataclass(frozen=True)
class _Piece:
    placed: Floats
    normal: Floats
    local: Floats
    extra: Floats
    triangles: Ints
    material: Material
    part: Part
    two_sided: bool = False


def _join(pieces: list[_Piece]) -> Scene:
    starts = np.cumsum([0] + [len(piece.placed) for piece in pieces[:-1]])
    triangles = [piece.triangles + start for piece, start in zip(pieces, starts, strict=True)]

    def per_triangle(name: str) -> Ints:
        return np.concatenate(
            [np.full(len(piece.triangles), int(getattr(piece, name)), np.int32) for piece in pieces]
        )

    vertices = (np.concatenate([getattr(p, name) for p in pieces]) for name in ("placed", "normal", "local", "extra"))
    return Scene(
        *(np.ascontiguousarray(values, dtype=np.float32) for values in vertices),
        np.concatenate(triangles).astype(np.int32),
        per_triangle("material"),
        per_triangle("part"),
    )


def _skin_piece(skin: Floats, normals: Floats, pose: Pose) -> _Piece:
    topology = load_topology()
    canonical, groups = topology.canonical["skin"], topology.groups
    follows = follows_head(canonical[:, 1])
    extra = np.stack(
        [vertex_occlusion(), groups["inside_mouth"], groups["upper_lash_line"], groups["lower_lash_line"]], 1
    )
    return _Piece(
        pose.place(skin, follows), pose.turn(normals, follows), canonical, extra, topology.triangles["skin"],
        Material.SKIN, Part.FACE,
    )  # fmt: skip


def _eye_pieces(head: Head, attributes: Attributes, pose: Pose) -> list[_Piece]:
    directions, triangles = unit_ball()
    pieces = []
    for side, eye in zip((-1, 1), find_eyes(head.coarse), strict=True):
        vertices, normals = place_eye(eye, side, attributes)
        extra = np.zeros((len(vertices), 4), np.float32)
        extra[:, 0] = -side
        pieces.append(
            _Piece(
                pose.place(vertices), pose.turn(normals), directions, extra, triangles, Material.EYE, Part.EYE
            )
        )
    return pieces


def _mouth_pieces(coarse: Floats, pose: Pose) -> list[_Piece]:
    topology = load_topology()
    teeth, tongue = place_teeth(coarse), place_tongue(coarse)
    pieces = []
    for name, points, material in (("teeth", teeth, Material.TEETH), ("tongue", tongue, Material.TONGUE)):
        extra = np.zeros((len(points), 4), np.float32)
        if material is Material.TEETH:
            extra[:, 0] = topology.upper_teeth
        normals = quad_normals(points, topology.quads[name])
        pieces.append(
            _Piece(
                pose.place(points), pose.turn(normals), topology.canonical[name], extra, topology.triangles[name],
                material, Part.MOUTH,
            )  # fmt: skip
        )
    return pieces


def _layer_piece(layer: Layer, pose: Pose) -> _Piece:
    normals = triangle_normals(layer.vertices, layer.triangles) if layer.normals is None else layer.normals
    follows = None if layer.attach == "head" else follows_head(layer.vertices[:, 1])
    extra = np.zeros((len(layer.vertices), 4), np.float32)
    extra[:, :2], extra[:, 2] = layer.detail, layer.opacity
    return _Piece(
        pose.place(layer.vertices, follows), pose.turn(normals, follows), layer.color, extra, layer.triangles,
        layer.material, layer.part, layer.two_sided,
    )  # fmt: skip


def triangle_normals(vertices: Floats, triangles: Ints) -> Floats:
    """(V, 3) of length 1: sums of the triangles' around each vertex, weighted by area."""
    quads = np.concatenate([triangles, triangles[:, :1]], 1).astype(np.int32)
    # A quad whose last corner is its first has the triangle's normal as cross product of its diagonals.
    return quad_normals(vertices, quads)


def render(identity: Identity | Subject, attributes: Attributes, size_px: int) -> Picture:
    """Photograph a person: the same arguments give the same bytes, in any process.

    Args:
        identity: the person, or the face of one on the head of another.
        attributes: pose, expression, light, camera, clothes, surroundings.
        size_px: side of the square image, MIN_PX to MAX_PX.
    """
    subject = identity if isinstance(identity, Subject) else Subject.of(identity)
    fine_px = size_px * _SUPERSAMPLING
    person, pose, camera = prepare(subject, size_px), Pose.of(attributes), Camera.of(attributes, fine_px)
    posed = pose_person(person, subject, attributes, pose)
    corners = camera.project(posed.scene.placed)
    shown, depth = rasterize(corners, posed.scene.triangles, posed.two_sided, fine_px, fine_px)
    background = draw_background(attributes, size_px)
    middle = pose.place(np.array([[0, -1.0, -7.0]], np.float32))[0]
    lamps, shadow = _make_lamps(posed, attributes, background, middle, camera)
    strands = []
    for ribbons in lay(person.grown, attributes, person.head):
        placed = place_ribbons(move_with_skin(ribbons, person.head, posed.skin, posed.skin_normals), pose)
        strands.append((ribbons, placed))
        add_hair_shadow(shadow, placed, ribbons.width, ribbons.opacity)
    image, parts = _shade(posed, subject, person, attributes, shown, corners, depth, lamps, pose, camera, background)
    canvas = Canvas(image, parts, depth)
    _blend_layers([layer for layer in posed.transparent if layer.material is not Material.GLASS], canvas, lamps, pose, camera)
    drawn = [(ribbons, placed, light_ribbons(ribbons, placed, lamps, middle)) for ribbons, placed in strands]
    solid = depth.copy()
    draw_ribbons(drawn, camera, solid, image, parts, depth)
    _blend_layers([layer for layer in posed.transparent if layer.material is Material.GLASS], canvas, lamps, pose, camera)
    small = image.reshape(size_px, _SUPERSAMPLING, size_px, _SUPERSAMPLING, 3).mean((1, 3))
    depth = depth[::_SUPERSAMPLING, ::_SUPERSAMPLING]
    return Picture(
        image=develop(small, attributes),
        points=np.zeros((9, 2)),
        parts=np.ascontiguousarray(parts[::_SUPERSAMPLING, ::_SUPERSAMPLING]).astype(np.uint8),
        depth=np.where(depth >= FAR, np.float32(np.inf), depth),
    )


@dataclass(frozen=True)
class Canvas:
    """The supersampled image while it is drawn; all three are changed in place."""

    image: Floats
    """(F, F, 3) linear RGB."""
    parts: Ints
    depth: Floats


def _blend_layers(layers: list[Layer], canvas: Canvas, lamps: Lamps, pose: Pose, camera: Camera) -> None:
    """Blend soft or transparent layers over what is behind them, nearest first where several overlap."""
    if not layers:
        return
    pieces = [_layer_piece(layer, pose) for layer in layers]
    scene = _join(pieces)
    two_sided = np.concatenate([np.full(len(piece.triangles), piece.two_sided) for piece in pieces])
    corners = camera.project(scene.placed)
    shown, depth = rasterize(corners, scene.triangles, two_sided, *canvas.depth.shape)
    shown[depth > canvas.depth] = -1
    buffer, parts = np.zeros((*shown.shape, BUFFER_CHANNELS), np.float32), np.zeros(shown.shape, np.int32)
    open_share = np.ones(shown.shape, np.float32)
    shade_solids(shown, corners, scene, _NO_LOOK, lamps, open_share, open_share, noise_block(), buffer, parts)
    color = buffer[..., 0:3] * buffer[..., 3:6]
    alpha = buffer[..., 10:11]
    canvas.image[...] = canvas.image * (1 - alpha) + color * alpha + buffer[..., 6:9] * (shown >= 0)[..., None]
    covered = (shown >= 0) & (alpha[..., 0] > 0.5)
    canvas.parts[covered], canvas.depth[covered] = parts[covered], depth[covered]


_NO_LOOK = Look(
    np.zeros((2, 4, 15), np.float32), np.eye(3, dtype=np.float32), np.zeros(4, np.float32), np.zeros(3, np.float32),
    0.0, 0.0, 0.0, 0.0, *tooth_edges(),
)  # fmt: skip
"""For scenes without a person."""


def draw_background(attributes, size_px):
    g = np.linspace(0.35, 0.15, size_px, dtype=np.float32)
    return np.ascontiguousarray(np.broadcast_to(g[:, None, None], (size_px, size_px, 3))) * np.float32([0.9, 1, 1.1])


def _make_lamps(
    posed: Posed, attributes: Attributes, background: Floats, middle: Floats, camera: Camera
) -> tuple[Lamps, ShadowMap]:
    key, color = key_light(attributes)
    shadow = cast_shadows(posed.scene.placed, posed.scene.triangles, key, middle)
    lamps = Lamps(
        key=key, color=color, environment=make_environment(background, attributes.ambient), axes=shadow.axes,
        center=shadow.center, solid=shadow.solid, hair=shadow.hair, spread=0.9 + 2.2 * attributes.light_softness,
        taps=taps(), eye_point=camera.eye_point,
    )  # fmt: skip
    return lamps, shadow


def _shade(posed, subject, person, attributes, shown, corners, depth, lamps, pose, camera, background):
    px_cm = attributes.span_cm / camera.size_px
    upper, lower = tooth_edges()
    look = Look(
        texture=person.texture, turn=pose.head, wrinkles=_wrinkles(attributes), iris=iris_tone(subject.look.iris_tone),
        age=subject.look.age, darkness=subject.look.skin_tone, oiliness=subject.look.oiliness,
        offset=float(subject.look.marks_seed % 9973) * 0.371, upper_edges=upper, lower_edges=lower,
    )  # fmt: skip
    material = np.where(shown >= 0, posed.scene.material[shown], -1)
    buffer = np.zeros((*shown.shape, BUFFER_CHANNELS), np.float32)
    parts = np.zeros(shown.shape, np.int32)
    shade_solids(
        shown, corners, posed.scene, look, lamps, _cavity(depth, px_cm), _eye_light(material, px_cm), noise_block(),
        buffer, parts,
    )  # fmt: skip
    fine = cv2.resize(background, shown.shape[::-1], interpolation=cv2.INTER_LINEAR)
    color = buffer[..., 0:3] * _scattered(buffer, px_cm) + buffer[..., 6:9]
    return np.where((shown >= 0)[..., None], color, fine), parts


def _wrinkles(attributes: Attributes) -> Floats:
    """(4,) how far the expression deepens lines: forehead, crow's feet, glabella, folds of the mouth."""
    strengths = unit_strengths(attributes)

    def of(name: str) -> float:
        return strengths.get(f"{name}Left", strengths.get(name, 0.0))

    return np.array(
        [of("browOuterUp"), of("cheekSquint") + 0.5 * of("eyeSquint"), of("browDown"), of("mouthSmile")], np.float32
    )


def _cavity(depth: Floats, px_cm: float) -> Floats:
    """Share of the light that reaches each pixel past its neighborhood: small where it is deeper than what is around it."""
    solid = (depth < FAR).astype(np.float32)
    near = np.where(depth < FAR, depth, 0).astype(np.float32)
    open_share = np.ones_like(depth)
    for reach_cm, strength in ((0.16, 2.6), (0.5, 1.1)):
        sigma = reach_cm / px_cm
        if sigma < 0.4:
            continue
        weight = cv2.GaussianBlur(solid, (0, 0), sigma)
        around = cv2.GaussianBlur(near, (0, 0), sigma) / np.maximum(weight, 1e-3)
        deeper = np.clip(depth - around, 0, 1.2) * (weight > 0.05)
        open_share *= np.exp(-strength * deeper)
    return np.where(depth < FAR, np.maximum(open_share, 0.12), 1).astype(np.float32)


def _eye_light(material: Ints, px_cm: float) -> Floats:
    """Share of the light that reaches an eye past its lids: less near their edges, least below the upper lid."""
    eye = (material == int(Material.EYE)).astype(np.float32)
    rows, columns = np.flatnonzero(eye.any(1)), np.flatnonzero(eye.any(0))
    light = np.ones_like(eye)
    if not len(rows):
        return light
    margin = int(np.ceil(0.8 / px_cm))
    cut = (
        slice(max(0, rows[0] - margin), rows[-1] + margin + 1),
        slice(max(0, columns[0] - margin), columns[-1] + margin + 1),
    )
    seen = eye[cut]
    near = cv2.GaussianBlur(seen, (0, 0), max(0.3, 0.12 / px_cm))
    above = np.roll(cv2.GaussianBlur(seen, (0, 0), max(0.3, 0.10 / px_cm)), max(1, round(0.17 / px_cm)), 0)

    def rise(start: float, end: float, x: Floats) -> Floats:
        t = np.clip((x - start) / (end - start), 0, 1)
        return t * t * (3 - 2 * t)

    light[cut] = (0.30 + 0.70 * rise(0.42, 0.98, near)) * (0.28 + 0.72 * rise(0.25, 1.0, above))
    return light


def _scattered(buffer: Floats, px_cm: float) -> Floats:
    """Diffuse light (F, F, 3), spread inside the skin by color, within the skin's own borders."""
    skin = np.ascontiguousarray(buffer[..., 9])
    light = buffer[..., 3:6].copy()
    for channel, reach in enumerate(_SCATTER_CM):
        sigma = reach / px_cm
        if sigma < 0.3:
            continue
        weight = cv2.GaussianBlur(skin, (0, 0), sigma)
        spread = cv2.GaussianBlur(buffer[..., 3 + channel] * skin, (0, 0), sigma) / np.maximum(weight, 1e-3)
        light[..., channel] += (spread - light[..., channel]) * skin
    return light


def render_batch(shots: Sequence[tuple[Identity | Subject, Attributes]], size_px: int) -> list[Picture]:
    """Photograph many: image for image the bytes of render."""
    return [render(identity, attributes, size_px) for identity, attributes in shots]
