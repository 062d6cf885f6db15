"""A person and an image's attributes in, the image with its exact truth out."""

from collections.abc import Sequence

import cv2
import numpy as np

from swapcore.synth.asset import Floats, Ints
from swapcore.synth.attributes import Attributes
from swapcore.synth.identity import Identity
from swapcore.synth.landmarks import POINT_NAMES
from swapcore.synth.layers import Material, Part
from swapcore.synth.light import key_light
from swapcore.synth.noise import noise_block
from swapcore.synth.passes import Canvas, blend_layers, compose, measure_hollows, shade_of_lids, split_glass
from swapcore.synth.picture import Picture, finish
from swapcore.synth.rasterize import rasterize
from swapcore.synth.ribbons import draw_ribbons, light_ribbons
from swapcore.synth.setting import SUPERSAMPLING, Setting, arrange, shading_inputs, spread_of
from swapcore.synth.shading import BUFFER_CHANNELS, Lamps, shade_solids
from swapcore.synth.shadow import add_hair_shadow, cast_shadows, taps
from swapcore.synth.subject import Subject

__all__ = ["POINT_NAMES", "RENDERER", "Part", "Picture", "render", "render_batch"]

RENDERER = 4
"""Raised whenever the same parameters give other pixels, together with the truth benchmark's VERSION; the card has it."""


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
    setting = arrange(identity, attributes, size_px)
    canvas = _draw(setting)
    small = cv2.resize(canvas.image, (size_px, size_px), interpolation=cv2.INTER_AREA)
    parts, depth = (each[::SUPERSAMPLING, ::SUPERSAMPLING] for each in (canvas.parts, canvas.depth))
    return finish(setting, small, parts, depth)


def render_batch(shots: Sequence[tuple[Identity | Subject, Attributes]], size_px: int) -> list[Picture]:
    """Photograph many: image for image the bytes of render."""
    return [render(identity, attributes, size_px) for identity, attributes in shots]


def _draw(setting: Setting) -> Canvas:
    """Solids, then hair over them, then glass over both."""
    camera, posed, pose = setting.camera, setting.posed, setting.pose
    corners = camera.project(posed.scene.placed)
    shown, depth = rasterize(corners, posed.scene.triangles, posed.two_sided, camera.size_px, camera.size_px)
    lamps = _light_up(setting)
    canvas = _shade(setting, (shown, depth, corners), lamps)
    soft, glass = split_glass(posed.soft)
    blend_layers(soft, canvas, lamps, pose, camera)
    drawn = [
        (ribbons, placed, light_ribbons(ribbons, placed, lamps, setting.middle)) for ribbons, placed in setting.strands
    ]
    draw_ribbons(drawn, camera, canvas.depth.copy(), canvas.image, canvas.parts, canvas.depth)
    blend_layers(glass, canvas, lamps, pose, camera)
    return canvas


def _light_up(setting: Setting) -> Lamps:
    """The light of an image, and the shadows of solids and hair."""
    scene = setting.posed.scene
    key, color = key_light(setting.attributes)
    shadow = cast_shadows(scene.placed, scene.triangles, key, setting.middle)
    for ribbons, placed in setting.strands:
        if ribbons.part is Part.HAIR:
            add_hair_shadow(shadow, placed, ribbons.width, ribbons.opacity)
    return Lamps(
        key=key, color=color, environment=setting.environment, axes=shadow.axes,
        center=shadow.center, solid=shadow.solid, hair=shadow.hair, spread=spread_of(setting.attributes),
        taps=taps(), eye_point=setting.camera.eye_point,
    )  # fmt: skip


def _shade(setting: Setting, seen: tuple[Ints, Floats, Floats], lamps: Lamps) -> Canvas:
    """Light on the solid surfaces, in front of the background."""
    shown, depth, corners = seen
    scene, px_cm = setting.posed.scene, setting.px_cm
    buffer, parts = np.zeros((*shown.shape, BUFFER_CHANNELS), np.float32), np.zeros(shown.shape, np.int32)
    is_eye = (scene.material == int(Material.EYE))[shown] & (shown >= 0)
    shade_solids(
        shown, corners, scene, shading_inputs(setting), lamps, measure_hollows(depth, px_cm),
        shade_of_lids(is_eye, px_cm), noise_block(), buffer, parts,
    )  # fmt: skip
    image = compose(buffer, px_cm)
    behind = shown < 0
    image[behind] = cv2.resize(setting.background, shown.shape[::-1], interpolation=cv2.INTER_LINEAR)[behind]
    return Canvas(image, parts, depth)
