"""The color and gloss of the face, feature by feature, on the neutral head: linear RGB, 0 to 1."""

from dataclasses import dataclass

import numpy as np
import torch

from swapcore.synth.attributes import Attributes
from swapcore.synth.curves import Tensor, bell, bell2, mix, smoothstep
from swapcore.synth.features import (
    Eye,
    Mouth,
    Nose,
    brow_mask,
    eye_of,
    lid_edges,
    lip_heights,
    mouth_line,
    mouth_of,
    nose_of,
)
from swapcore.synth.hair import beard_density
from swapcore.synth.identity import Identity
from swapcore.synth.mesh import Part
from swapcore.synth.noise import noise

_SKIN = (
    (0.80, 0.57, 0.46),
    (0.72, 0.48, 0.36),
    (0.60, 0.38, 0.27),
    (0.46, 0.28, 0.185),
    (0.33, 0.19, 0.125),
    (0.215, 0.122, 0.082),
)
_IRIS = (
    (0.085, 0.042, 0.018),
    (0.16, 0.085, 0.033),
    (0.16, 0.16, 0.065),
    (0.12, 0.22, 0.13),
    (0.12, 0.23, 0.37),
    (0.24, 0.29, 0.33),
)


def _along(anchors: tuple[tuple[float, float, float], ...], share: float) -> Tensor:
    """The color (3,) at share 0..1 of the way through the anchors."""
    table, at = torch.tensor(anchors), share * (len(anchors) - 1)
    left = min(int(at), len(anchors) - 2)
    return table[left] + (table[left + 1] - table[left]) * (at - left)


def skin_color(identity: Identity) -> Tensor:
    """(3,) linear RGB of the skin without blotches."""
    under = torch.tensor([0.01, -0.03, 0.02]) if identity.skin_undertone < 0 else torch.tensor([-0.015, 0.012, -0.05])
    return _along(_SKIN, identity.skin_tone) * (1 + abs(identity.skin_undertone) * under * 1.5)


def hair_color(identity: Identity) -> Tensor:
    """(3,) linear RGB of the hair of the head."""
    return _pigment(identity.hair_darkness, identity.hair_redness, identity.hair_gray)


def _face_hair_color(identity: Identity) -> Tensor:
    """(3,) linear RGB of the hair that the face brings along: brows and beard."""
    return _pigment(identity.face_hair_darkness, identity.face_hair_redness, identity.face_hair_gray)


def _pigment(darkness: float, redness: float, gray: float) -> Tensor:
    """(3,) linear RGB of hair."""
    fair, dark = torch.tensor([0.46, 0.31, 0.15]), torch.tensor([0.014, 0.011, 0.009])
    light = (1 - darkness) ** 1.7
    base: Tensor = dark + (fair - dark) * light
    red = torch.tensor([0.05 + 0.33 * light, 0.018 + 0.10 * light, 0.01 + 0.03 * light])
    base = base + (red - base) * 0.7 * redness * (1 - abs(2 * light - 1) * 0.5)
    return base + (torch.tensor([0.42, 0.41, 0.40]) - base) * gray


def iris_color(identity: Identity) -> Tensor:
    """(3,) linear RGB of the iris."""
    return _along(_IRIS, identity.iris_tone)


def lip_color(identity: Identity, skin: Tensor) -> Tensor:
    """(3,) linear RGB of the lips: redder than the skin, and as dark as it."""
    pale = skin * torch.tensor([0.88, 0.64, 0.68])
    red = skin * torch.tensor([0.86, 0.41, 0.45])
    bare: Tensor = pale + (red - pale) * identity.lip_redness
    return bare + (torch.tensor([0.30, 0.022, 0.045]) - bare) * 0.65 * identity.lip_makeup


@dataclass(frozen=True)
class Material:
    """How N points of a surface reflect light."""

    albedo: Tensor
    """(N, 3) linear RGB."""
    gloss: Tensor
    """(N,)."""
    part: Tensor
    """(N,) int64 Part, finer than the mesh's."""


def skin_material(identity: Identity, rest: Tensor) -> Material:
    """Bare skin with blotches and pores: ears, neck, and what the face begins with."""
    device = rest.device
    coarse, middle, fine = noise(rest, 0.55), noise(rest, 1.7, 9), noise(rest, 6.0, 23)
    albedo = skin_color(identity).to(device).expand(len(rest), 3)
    albedo = albedo * (1 + 0.035 * coarse[:, 0] + 0.03 * middle[:, 0] + 0.035 * fine[:, 0])[:, None]
    ruddy = 0.05 * coarse[:, 1] + 0.06 * middle[:, 1]
    albedo = albedo * (1 - ruddy.clamp(-0.2, 0.4)[:, None] * torch.tensor([0.1, 0.45, 0.4], device=device))
    gloss = 0.20 * (1 + 0.25 * fine[:, 2])
    return Material(albedo, gloss, torch.full((len(rest),), int(Part.FACE), dtype=torch.int64, device=device))


def face_material(identity: Identity, attributes: Attributes, rest: Tensor) -> Material:
    """The face at points (N, 3) of the neutral head; eyes and the inside of the mouth are not in it."""
    base = skin_material(identity, rest)
    x, y, _ = rest.unbind(-1)
    eye, mouth, nose = eye_of(identity), mouth_of(identity), nose_of(identity)
    lids = lid_edges(eye, x, attributes.blink, attributes.smile)
    albedo = _flush(identity, nose, base.albedo, rest)
    albedo = _moles(identity, _freckles(identity, albedo, rest), rest)
    albedo = albedo * (1 - _shade_of_age(identity, eye, mouth, nose, rest, lids[2]))[:, None]
    albedo = albedo * (1 - _expression_lines(attributes, eye, rest))[:, None]
    albedo = albedo * (1 - _eye_shade(identity, eye, rest, lids))[:, None]
    gloss = base.gloss * (1 + 0.6 * bell(x, 1.7) * smoothstep(-6.0, -4.0, y))
    nostril = _nostrils(nose, x, y)
    dark = torch.tensor([0.86, 0.93, 0.94], device=rest.device)
    albedo = albedo * (1 - nostril[:, None] * dark)
    albedo, gloss, beard = _shadow_of_beard(identity, albedo, gloss, rest)
    return _lips_and_brows(identity, mouth, Material(albedo, gloss * (1 - nostril), beard), rest)


def _flush(identity: Identity, nose: Nose, albedo: Tensor, rest: Tensor) -> Tensor:
    """Redder cheeks, nose and chin."""
    x, y, _ = rest.unbind(-1)
    amount = 0.8 * bell2(x.abs() - 4.2, 1.9, y + 3.2, 1.7) + 0.6 * bell2(x, 1.1, y - nose.tip_y, 0.9)
    amount = (0.25 + 1.05 * identity.flush) * (amount + 0.25 * bell2(x, 1.5, y + 10, 1.2))
    return albedo * (1 - amount[:, None] * torch.tensor([0.03, 0.19, 0.17], device=rest.device))


def _freckles(identity: Identity, albedo: Tensor, rest: Tensor) -> Tensor:
    if identity.freckles <= 0:
        return albedo
    spots = smoothstep(1.25, 1.8, noise(rest, 3.1, identity.marks_seed % 59)[:, 1] + 0.45 * identity.freckles)
    spots = spots * bell(rest[:, 1] + 2.2, 2.6) * (0.25 + 0.3 * identity.freckles)
    return albedo * (1 - spots[:, None] * torch.tensor([0.55, 0.8, 0.9], device=rest.device))


def _moles(identity: Identity, albedo: Tensor, rest: Tensor) -> Tensor:
    """Up to six brown spots of one to three millimetres, where the person has them."""
    rng = np.random.default_rng([identity.marks_seed, 1])
    places, sizes = rng.uniform((-5.5, -10.0), (5.5, 4.0), (6, 2)), rng.uniform(0.06, 0.18, 6)
    x, y, _ = rest.unbind(-1)
    cover = torch.zeros_like(x)
    for (place_x, place_y), size in list(zip(places, sizes, strict=True))[: round(6 * identity.moles)]:
        distance = ((x - place_x) ** 2 + (y - place_y) ** 2).sqrt()
        cover = torch.maximum(cover, smoothstep(1.25 * size, 0.6 * size, distance))
    return albedo * (1 - cover[:, None] * torch.tensor([0.50, 0.68, 0.76], device=rest.device))


def _shade_of_age(identity: Identity, eye: Eye, mouth: Mouth, nose: Nose, rest: Tensor, lower: Tensor) -> Tensor:
    """Lines of the forehead, bags and folds that come with the years, whatever the expression."""
    x, y, _ = rest.unbind(-1)
    ax, wander = x.abs(), noise(rest, 0.8, 3)
    lines = torch.zeros_like(x)
    for height in (3.9, 4.7, 5.5):
        bend = 0.18 * torch.cos(0.8 * x) + 0.10 * wander[:, 0]
        lines = lines + 0.30 * bell(y - height - bend, 0.07) * smoothstep(4.2, 2.0, ax + 0.6 * wander[:, 1])
    along = (ax - eye.center_x) / eye.half_width
    bag = 0.32 * bell(y - lower + 0.72 + 0.12 * along**2, 0.12) * smoothstep(1.1, 0.5, along.abs())
    crease = nose.half_width + 0.35 + (nose.tip_y - y) * 0.42
    fold = bell(ax - crease - 0.06 * wander[:, 2], 0.23) * smoothstep(mouth.y - 0.9, mouth.y + 0.5, y)
    fold = fold * (1 - smoothstep(nose.tip_y - 0.3, nose.tip_y + 0.5, y)) * (0.06 + 0.15 * identity.age)
    return (identity.age**2 * (lines + bag) + fold).clamp(0.0, 0.5)


def _expression_lines(attributes: Attributes, eye: Eye, rest: Tensor) -> Tensor:
    """Crow's feet of a smile and the furrows of raised brows, the same for everybody."""
    x, y, _ = rest.unbind(-1)
    out = x.abs() - eye.center_x - eye.half_width
    reach = smoothstep(0.15, 0.4, out) * smoothstep(1.5, 0.6, out)
    feet = torch.zeros_like(x)
    for slope in (-0.5, -0.1, 0.35):
        feet = feet + bell(y - 0.1 - out * slope, 0.06) * reach
    furrow = bell(y - 4.1 - 0.1 * torch.cos(x), 0.09) + bell(y - 5.0 - 0.1 * torch.cos(x), 0.09)
    furrow = furrow * smoothstep(4.0, 2.0, x.abs())
    return 0.16 * attributes.smile * feet + 0.13 * max(0.0, attributes.brow_raise) * furrow


def _eye_shade(identity: Identity, eye: Eye, rest: Tensor, lids: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Darker lids, the crease, and the lashes."""
    x, y, _ = rest.unbind(-1)
    ax, (along, upper, lower) = x.abs(), lids
    tired = 0.06 + 0.12 * identity.age + 0.22 * identity.eye_shade
    dark = tired * bell2(ax - eye.center_x, 1.5, y - lower + 0.45, 0.45)
    dark = (
        dark
        + (0.12 + 0.20 * identity.eye_shade) * bell2(ax - eye.center_x, 1.6, y - upper - 0.25, 0.4)
        + 0.14 * bell(ax - 1.7, 0.5) * bell(y - 0.2, 0.6)
    )
    dark = dark + 0.36 * bell(y - upper - eye.crease, 0.06) * smoothstep(1.1, 0.8, along.abs())
    inside = smoothstep(1.12, 1.0, along.abs())
    paint = 0.5 * identity.lip_makeup + 0.4 * (1 - identity.masculinity)
    comb = noise(torch.stack([x * 1.0, y * 0.2, x * 0.0], -1), 9.0, 5)[:, 0]
    lash = bell(y - upper - 0.03, 0.060 + 0.03 * paint) * 0.85
    lash = lash + (0.35 + 0.3 * paint) * bell(y - upper - 0.14, 0.10) * (0.5 + 0.5 * comb).clamp(0, 1) * smoothstep(
        -0.6, 0.6, along
    )
    lash = lash + (0.30 + 0.25 * paint) * bell(y - lower + 0.04, 0.045)
    return 1 - (1 - dark.clamp(0, 0.8)) * (1 - (lash * inside).clamp(0.0, 0.93))


def _nostrils(nose: Nose, x: Tensor, y: Tensor) -> Tensor:
    """The dark of the nostrils, seen from below."""
    out = x.abs() - 0.62 * nose.half_width / 1.42 - 0.25 * (y - nose.base_y - 0.2)
    wide = 0.17 + 0.07 * nose.half_width
    return bell2(out, wide, y - nose.base_y - 0.20 - 0.10 * out.abs(), 0.13)


def _shadow_of_beard(identity: Identity, albedo: Tensor, gloss: Tensor, rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Stubble under the beard's strands, or the blue of a shaven chin; also the parts."""
    device = rest.device
    grown = beard_density(identity, rest)
    dots = noise(rest, 13.0, 3)[:, 0]
    shaven = 0.10 * identity.masculinity**2
    cover = grown * (shaven + (0.82 - shaven) * min(1.0, 1.25 * identity.beard)) * (0.85 + 0.25 * dots).clamp(0.3, 1.0)
    color = beard_color(identity).to(device) * 1.1 + 0.12 * albedo
    albedo = albedo + (color - albedo) * cover.clamp(0.0, 0.9)[:, None]
    bearded = (grown > 0.5) & (identity.beard > 0.4)
    part = torch.where(bearded, int(Part.BEARD), int(Part.FACE))
    return albedo, gloss * (1 - 0.7 * cover), part


def beard_color(identity: Identity) -> Tensor:
    """(3,) not lighter than dark blond."""
    return _face_hair_color(identity).clamp(max=0.26)


def brow_color(identity: Identity) -> Tensor:
    """(3,) the beard's color, darkened."""
    return _face_hair_color(identity).clamp(max=0.20) * (1.0 - 0.7 * identity.brow_darkness)


def _lips_and_brows(identity: Identity, mouth: Mouth, base: Material, rest: Tensor) -> Material:
    x, y, z = rest.unbind(-1)
    upper, lower = lip_heights(mouth, x)
    d, s = y - mouth_line(mouth, x), x.abs() / mouth.half_width
    lips = smoothstep(1.02, 0.93, s) * torch.where(
        d > 0, smoothstep(upper + 0.08, upper - 0.08, d), smoothstep(lower + 0.11, lower - 0.09, -d)
    )
    grain = noise(torch.stack([x * 5.0, y * 0.7, z * 0.3], -1), 2.0)
    color = lip_color(identity, skin_color(identity)).to(rest.device) * (1 + 0.07 * grain[:, :1])
    albedo = mix(base.albedo, color, lips)
    gloss = base.gloss * (1 - lips) + (0.36 + 0.25 * identity.lip_makeup) * lips
    albedo = albedo * (1 - 0.5 * bell(d, 0.075) * smoothstep(1.04, 0.95, s))[:, None]
    hairs = noise(torch.stack([x.abs() * 2.2 - y * 2.6, y * 1.2 + x.abs() * 0.8, z * 0.2], -1), 2.6, 5)
    brow = brow_mask(identity, x, y, hairs[:, 0])
    strength = (0.55 + 0.38 * identity.brow_darkness) * (0.9 + 0.18 * hairs[:, 1]).clamp(0.4, 1.1)
    albedo = mix(albedo, brow_color(identity).to(rest.device).expand_as(albedo), (brow * strength).clamp(0, 0.95))
    part = torch.where(brow > 0.5, int(Part.BROW), torch.where(lips > 0.5, int(Part.LIP), base.part))
    return Material(albedo, gloss * (1 - 0.7 * brow), part)
