"""Which material each visible pixel has: skin, eye, mouth, hair or cloth."""

import colorsys
from dataclasses import dataclass

import torch

from swapcore.synth.attributes import Attributes
from swapcore.synth.camera import Camera
from swapcore.synth.curves import Tensor, unit
from swapcore.synth.eyes import between_lids, look
from swapcore.synth.identity import Identity
from swapcore.synth.light import Lit
from swapcore.synth.mesh import Part, Vertices
from swapcore.synth.mouth import between_lips, look_inside
from swapcore.synth.noise import noise
from swapcore.synth.skin import beard_color, face_material, hair_color, skin_material


@dataclass
class _Pixels:
    """Buffers that one material after another writes to; N pixels."""

    albedo: Tensor
    gloss: Tensor
    normal: Tensor
    occlusion: Tensor
    part: Tensor


def dress(identity: Identity, attributes: Attributes, surface: Vertices, camera: Camera) -> tuple[Lit, Tensor]:
    """Give the visible surface (N pixels) its materials; also the part (N,) that each pixel shows."""
    view = unit(camera.eye_point - surface.position)
    count = len(view)
    pixels = _Pixels(
        albedo=view.new_zeros(count, 3),
        gloss=view.new_full((count,), 0.04),
        normal=surface.normal.clone(),
        occlusion=surface.occlusion.clone(),
        part=surface.part.clone(),
    )
    _dress_skin(identity, surface, pixels)
    _dress_face(identity, attributes, surface, camera, pixels)
    _dress_eyes(identity, attributes, surface, view, camera, pixels)
    _dress_strands(identity, surface, pixels)
    _dress_cloth(attributes, surface, pixels)
    is_hair = (surface.part == Part.HAIR) | (surface.part == Part.BEARD)
    is_eye = pixels.part == Part.EYE
    is_skin = ~is_hair & ~is_eye & (pixels.part != Part.CLOTHES) & (pixels.part != Part.MOUTH)
    lit = Lit(
        normal=pixels.normal,
        view=view,
        tangent=surface.tangent,
        albedo=pixels.albedo.clamp(0.002, 0.95),
        gloss=pixels.gloss,
        occlusion=pixels.occlusion,
        shadow=torch.ones_like(pixels.gloss),
        is_skin=is_skin,
        is_hair=is_hair,
        is_eye=is_eye,
    )
    return lit, pixels.part


def _bumped(normal: Tensor, rest: Tensor) -> Tensor:
    """Normals with pores and the skin's fine unevenness."""
    uneven = 0.030 * noise(rest, 9.0)[:, :3] + 0.022 * noise(rest, 3.5, 19)[:, :3]
    return unit(normal + uneven)


def _dress_skin(identity: Identity, surface: Vertices, pixels: _Pixels) -> None:
    """Scalp, ears and neck."""
    part = surface.part
    where = torch.nonzero((part == Part.SCALP) | (part == Part.EAR) | (part == Part.NECK))[:, 0]
    rest = surface.rest[where]
    material = skin_material(identity, rest)
    roots = surface.tint[where] * (0.85 + 0.2 * noise(rest, 6.0, 31)[:, 0]).clamp(0, 1)
    ears = (part[where] == Part.EAR)[:, None] * torch.tensor([0.0, 0.08, 0.07], device=rest.device)
    pixels.albedo[where] = _roots(identity, material.albedo * (1 - ears), roots)
    pixels.gloss[where] = material.gloss * 0.7
    pixels.normal[where] = _bumped(surface.normal[where], rest)


def _roots(identity: Identity, albedo: Tensor, roots: Tensor) -> Tensor:
    """Skin darkened by the roots of hair, (N,) 0 to 1."""
    color = 0.8 * hair_color(identity).to(albedo.device) + 0.1 * albedo
    return albedo + (color - albedo) * (0.85 * roots)[:, None]


def _dress_face(identity: Identity, attributes: Attributes, surface: Vertices, camera: Camera, pixels: _Pixels) -> None:
    where = torch.nonzero(surface.part == Part.FACE)[:, 0]
    rest = surface.rest[where]
    material = face_material(identity, attributes, rest)
    roots = surface.tint[where] * (0.85 + 0.25 * noise(rest, 6.0, 31)[:, 0]).clamp(0, 1)
    pixels.albedo[where] = _roots(identity, material.albedo, roots)
    pixels.gloss[where] = material.gloss * (1 - 0.6 * roots)
    pixels.normal[where] = _bumped(surface.normal[where], rest)
    pixels.part[where] = material.part
    inside = between_lips(identity, attributes, rest)
    if bool(inside.any()):
        chosen = where[inside]
        mouth = look_inside(identity, attributes, rest[inside])
        pixels.albedo[chosen], pixels.gloss[chosen] = mouth.albedo, mouth.gloss
        pixels.occlusion[chosen], pixels.normal[chosen] = mouth.occlusion, mouth.normal @ camera.turn.T
        pixels.part[chosen] = int(Part.MOUTH)


def _dress_eyes(
    identity: Identity, attributes: Attributes, surface: Vertices, view: Tensor, camera: Camera, pixels: _Pixels
) -> None:
    where = torch.nonzero((surface.part == Part.FACE) & between_lids(identity, attributes, surface.rest))[:, 0]
    if not len(where):
        return
    viewpoint = camera.unplace(camera.eye_point[None])[0]
    eyes = look(identity, attributes, surface.rest[where], -view[where] @ camera.turn, viewpoint)
    pixels.albedo[where], pixels.occlusion[where] = eyes.albedo, eyes.occlusion
    pixels.normal[where] = eyes.normal @ camera.turn.T
    pixels.part[where] = int(Part.EYE)


def _dress_strands(identity: Identity, surface: Vertices, pixels: _Pixels) -> None:
    """Hair and beard, each strand a little lighter or darker."""
    for part, color in ((Part.HAIR, hair_color(identity)), (Part.BEARD, beard_color(identity))):
        where = torch.nonzero(surface.part == part)[:, 0]
        fine = noise(surface.rest[where], 5.0, 3)[:, 0]
        lightness = (1 + surface.tint[where] + 0.10 * fine).clamp(0.35, 2.0)
        pixels.albedo[where] = color.to(fine.device) * lightness[:, None]
        pixels.gloss[where] = 0.1


def _dress_cloth(attributes: Attributes, surface: Vertices, pixels: _Pixels) -> None:
    where = torch.nonzero(surface.part == Part.CLOTHES)[:, 0]
    color = colorsys.hsv_to_rgb(attributes.clothes_hue, 0.5, 0.65 * (1 - 0.9 * attributes.clothes_darkness))
    weave = noise(surface.rest[where], 7.0, 11)
    folds = noise(surface.rest[where], (0.25, 0.10, 0.25), 3)
    pixels.albedo[where] = torch.tensor(color, device=weave.device) * (1 + 0.06 * weave[:, :1] + 0.10 * folds[:, :1])
    pixels.normal[where] = unit(surface.normal[where] + 0.12 * folds[:, :3] + 0.04 * weave[:, 1:4])
