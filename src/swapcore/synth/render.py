"""A person and an image's attributes in, the image with its exact truth out."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.errors import ParamsError
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.synth.asset import Floats, Ints
from swapcore.synth.attributes import Attributes
from swapcore.synth.backgrounds import draw_background, environment
from swapcore.synth.camera import Camera, Pose
from swapcore.synth.defocus import blur_by_depth
from swapcore.synth.expression import unit_strengths
from swapcore.synth.eyes import iris_tone
from swapcore.synth.identity import Identity
from swapcore.synth.landmarks import POINT_NAMES
from swapcore.synth.layers import Material, Part, Ribbons
from swapcore.synth.light import key_light
from swapcore.synth.mouth import tooth_edges
from swapcore.synth.noise import noise_block
from swapcore.synth.passes import Canvas, blend_layers, compose, measure_hollows, shade_of_lids, split_glass
from swapcore.synth.person import Person, prepare
from swapcore.synth.rasterize import FAR, rasterize
from swapcore.synth.ribbons import draw_ribbons, light_ribbons, move_with_skin, place_ribbons
from swapcore.synth.scene import Posed, pose_person
from swapcore.synth.sensor import develop
from swapcore.synth.shading import BUFFER_CHANNELS, Lamps, ShadingInputs, shade_solids
from swapcore.synth.shadow import add_hair_shadow, cast_shadows, taps
from swapcore.synth.subject import Subject
from swapcore.synth.wardrobe import lay

__all__ = ["POINT_NAMES", "RENDERER", "Part", "Picture", "render", "render_batch"]

RENDERER = 4
"""Raised whenever the same parameters give other pixels, together with the truth benchmark's VERSION; the card has it."""
MIN_PX, MAX_PX = 64, 2048
_SUPERSAMPLING = 2
_MIDDLE = (0.0, -1.0, -7.0)
"""Middle of head and hair in the head's frame, cm."""
_COVERED_CM = 0.45
"""A point that is farther than this behind what its pixel shows is hidden."""


@dataclass(frozen=True)
class Picture:
    """A rendered image and what is exactly true of it."""

    image: Image
    """uint8 (S, S, 3) RGB."""
    points: Points
    """(P, 2) x, y in pixels, in the order of POINT_NAMES."""
    visible: npt.NDArray[np.bool_]
    """(P,) whether a point is in the image and neither skin, hair nor glasses' frames hide it."""
    parts: npt.NDArray[np.uint8]
    """(S, S) values of Part."""
    depth: Floats
    """(S, S) cm from the camera along its axis; infinite in the background."""


def render(identity: Identity | Subject, attributes: Attributes, size_px: int) -> Picture:
    """Photograph a person: the same arguments give the same bytes, in any process.

    Args:
        identity: the person, or the face of one on the head of another (subject.true_swap).
        attributes: pose, expression, light, camera, clothes, surroundings.
        size_px: side of the square image, 64 to 2048.

    Raises:
        ParamsError: the size is out of bounds.
        ArtifactError: the head's data is not installed.
    """
    if not MIN_PX <= size_px <= MAX_PX:
        raise ParamsError(f"size_px: {size_px} is outside [{MIN_PX}, {MAX_PX}]")
    subject = identity if isinstance(identity, Subject) else Subject.of(identity)
    fine_px = size_px * _SUPERSAMPLING
    person, pose, camera = prepare(subject, size_px), Pose.of(attributes), Camera.of(attributes, fine_px)
    posed = pose_person(person, attributes, pose)
    background = draw_background(attributes, size_px)
    canvas = _draw(person, attributes, pose, camera, posed, background)
    small = cv2.resize(canvas.image, (size_px, size_px), interpolation=cv2.INTER_AREA)
    points = Camera.of(attributes, size_px).project(posed.points)
    depth = canvas.depth[::_SUPERSAMPLING, ::_SUPERSAMPLING]
    return Picture(
        image=develop(blur_by_depth(small, depth, attributes), attributes),
        points=points[:, :2].astype(np.float64),
        visible=_visible(points, depth),
        parts=np.ascontiguousarray(canvas.parts[::_SUPERSAMPLING, ::_SUPERSAMPLING]).astype(np.uint8),
        depth=np.where(depth >= FAR, np.float32(np.inf), depth),
    )


def render_batch(shots: Sequence[tuple[Identity | Subject, Attributes]], size_px: int) -> list[Picture]:
    """Photograph many: image for image the bytes of render."""
    return [render(identity, attributes, size_px) for identity, attributes in shots]


def _visible(points: Floats, depth: Floats) -> npt.NDArray[np.bool_]:
    column, row = (np.rint(points[:, axis]).astype(int) for axis in (0, 1))
    size = depth.shape[0]
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    shown = depth[row.clip(0, size - 1), column.clip(0, size - 1)]
    return np.asarray(inside & (points[:, 2] < shown + _COVERED_CM))


def _draw(
    person: Person, attributes: Attributes, pose: Pose, camera: Camera, posed: Posed, background: Floats
) -> Canvas:
    """Solids, then hair over them, then glass over both."""
    corners = camera.project(posed.scene.placed)
    shown, depth = rasterize(corners, posed.scene.triangles, posed.two_sided, camera.size_px, camera.size_px)
    middle = pose.place(np.array([_MIDDLE], np.float32))[0]
    strands = [
        (ribbons, place_ribbons(move_with_skin(ribbons, person.head, posed.skin, posed.skin_normals), pose))
        for ribbons in lay(person.grown, attributes, person.head)
    ]
    lamps = _light_up(posed, strands, attributes, middle, camera)
    canvas = _shade(person, attributes, pose, camera, posed, (shown, depth, corners), lamps, background)
    soft, glass = split_glass(posed.soft)
    blend_layers(soft, canvas, lamps, pose, camera)
    drawn = [(ribbons, placed, light_ribbons(ribbons, placed, lamps, middle)) for ribbons, placed in strands]
    draw_ribbons(drawn, camera, canvas.depth.copy(), canvas.image, canvas.parts, canvas.depth)
    blend_layers(glass, canvas, lamps, pose, camera)
    return canvas


def _light_up(
    posed: Posed, strands: list[tuple[Ribbons, Floats]], attributes: Attributes, middle: Floats, camera: Camera
) -> Lamps:
    """The light of an image, and the shadows of solids and hair."""
    key, color = key_light(attributes)
    shadow = cast_shadows(posed.scene.placed, posed.scene.triangles, key, middle)
    for ribbons, placed in strands:
        if ribbons.part is Part.HAIR:
            add_hair_shadow(shadow, placed, ribbons.width, ribbons.opacity)
    return Lamps(
        key=key, color=color, environment=environment(attributes), axes=shadow.axes,
        center=shadow.center, solid=shadow.solid, hair=shadow.hair, spread=0.9 + 2.2 * attributes.light_softness,
        taps=taps(), eye_point=camera.eye_point,
    )  # fmt: skip


def _shade(
    person: Person,
    attributes: Attributes,
    pose: Pose,
    camera: Camera,
    posed: Posed,
    seen: tuple[Ints, Floats, Floats],
    lamps: Lamps,
    background: Floats,
) -> Canvas:
    """Light on the solid surfaces, in front of the background."""
    shown, depth, corners = seen
    px_cm = attributes.span_cm / camera.size_px
    buffer, parts = np.zeros((*shown.shape, BUFFER_CHANNELS), np.float32), np.zeros(shown.shape, np.int32)
    is_eye = (posed.scene.material == int(Material.EYE))[shown] & (shown >= 0)
    shade_solids(
        shown, corners, posed.scene, _look(person, attributes, pose), lamps, measure_hollows(depth, px_cm),
        shade_of_lids(is_eye, px_cm), noise_block(), buffer, parts,
    )  # fmt: skip
    image = compose(buffer, px_cm)
    behind = shown < 0
    image[behind] = cv2.resize(background, shown.shape[::-1], interpolation=cv2.INTER_LINEAR)[behind]
    return Canvas(image, parts, depth)


def _look(person: Person, attributes: Attributes, pose: Pose) -> ShadingInputs:
    look = person.subject.look
    upper, lower = tooth_edges()
    return ShadingInputs(
        texture=person.texture, turn=pose.head, wrinkles=_wrinkles(attributes), iris=iris_tone(look.iris_tone),
        age=look.age, darkness=look.skin_tone, oiliness=look.oiliness, offset=float(look.marks_seed % 9973) * 0.371,
        upper_edges=upper, lower_edges=lower,
    )  # fmt: skip


def _wrinkles(attributes: Attributes) -> Floats:
    """(4,) how far the expression deepens lines: forehead, crow's feet, glabella, folds of the mouth."""
    strengths = unit_strengths(attributes)

    def of(name: str) -> float:
        return strengths.get(f"{name}Left", strengths.get(name, 0.0))

    return np.array(
        [of("browOuterUp"), of("cheekSquint") + 0.5 * of("eyeSquint"), of("browDown"), of("mouthSmile")], np.float32
    )
