"""Where eyes, brows, nose and mouth lie on the neutral head: curves in the frontal plane, in cm.

x is right in the image, y up, z towards the camera; the eyes are at y = 0, the ears at z = -9.6.
"""

from dataclasses import dataclass

import torch

from swapcore.synth.curves import Tensor, bell, smoothstep
from swapcore.synth.identity import Identity

EYEBALL_RADIUS = 1.24


@dataclass(frozen=True)
class Eye:
    """One eye; the other is its mirror image."""

    center_x: float
    half_width: float
    upper: float
    """How far the open upper lid rises above the corners' line."""
    lower: float
    tilt: float
    """How far the outer corner lies above the inner one, halved."""
    ball_z: float
    crease: float
    """From the lid's edge to its crease."""


@dataclass(frozen=True)
class Mouth:
    """Lips at rest."""

    y: float
    half_width: float
    upper: float
    lower: float
    cupid: float
    curve: float
    """How far the corners rise at rest."""
    protrusion: float
    """How far the lips stand forward, -1 to 1."""


@dataclass(frozen=True)
class Nose:
    """Root, tip and base."""

    top_y: float
    tip_y: float
    base_y: float
    half_width: float
    root_height: float
    tip_height: float


def eye_of(identity: Identity) -> Eye:
    """The eye's outline; at its smallest it still opens by 0.58 cm."""
    return Eye(
        center_x=3.15 + 0.43 * identity.eye_spacing,
        half_width=1.50 * (1 + 0.19 * identity.eye_width),
        upper=0.55 * (1 + 0.36 * identity.eye_height),
        lower=0.36 * (1 + 0.25 * identity.eye_height),
        tilt=0.06 + 0.24 * identity.eye_tilt,
        ball_z=-2.3 - 0.33 * identity.eye_depth,
        crease=0.40 + 0.22 * identity.lid_crease - 0.10 * identity.lid_hood,
    )


def mouth_of(identity: Identity) -> Mouth:
    """The lips' outline."""
    return Mouth(
        y=-6.68 - 0.55 * identity.mouth_height,
        half_width=2.5 * (1 + 0.23 * identity.mouth_width),
        upper=0.60 * (1 + 0.66 * identity.upper_lip) * (1 - 0.25 * identity.age),
        lower=0.84 * (1 + 0.58 * identity.lower_lip) * (1 - 0.18 * identity.age),
        cupid=0.16 * (1 + identity.cupid_bow),
        curve=0.22 * identity.mouth_curve,
        protrusion=identity.lip_protrusion,
    )


def nose_of(identity: Identity) -> Nose:
    """The nose's outline."""
    length = 4.2 * (1 + 0.22 * identity.nose_length)
    return Nose(
        top_y=0.55,
        tip_y=0.55 - length,
        base_y=0.55 - length - 0.75 + 0.24 * identity.nose_upturn,
        half_width=1.42 * (1 + 0.36 * identity.nose_width),
        root_height=0.42 + 0.42 * identity.nose_bridge,
        tip_height=2.2 * (1 + 0.31 * identity.nose_forward),
    )


def lid_edges(eye: Eye, x: Tensor, blink: float, squint: float) -> tuple[Tensor, Tensor, Tensor]:
    """Position along the eye (-1 inner to 1 outer corner), and the y of the upper and lower lid's edge there."""
    along = (x.abs() - eye.center_x) / eye.half_width
    inside = along.clamp(-1.0, 1.0)
    line = eye.tilt * along
    lower = line - eye.lower * (1 - 0.5 * squint) * (1 - inside.abs() ** 2.6)
    upper = line + eye.upper * (1 - (inside + 0.10 * (1 - inside**2)).abs() ** 2.1)
    return along, upper * (1 - blink) + (lower + 0.02) * blink, lower


def mouth_line(mouth: Mouth, x: Tensor) -> Tensor:
    """y of the line between the closed lips."""
    s = (x.abs() / mouth.half_width).clamp(0.0, 1.3)
    return mouth.y + 0.10 * bell(s - 0.45, 0.3) - 0.10 * bell(s, 0.18) - 0.12 * s**2 + mouth.curve * s**2


def lip_heights(mouth: Mouth, x: Tensor) -> tuple[Tensor, Tensor]:
    """Heights of the upper and the lower lip's red above and below the mouth line."""
    s = (x.abs() / mouth.half_width).clamp(0.0, 1.0)
    taper = (1 - s**2.2).clamp(min=0.0).sqrt()
    upper = mouth.upper * taper * (1 - 0.25 * s)
    upper = upper + 0.8 * mouth.cupid * (bell(s - 0.22, 0.13) - 0.9 * bell(s, 0.11))
    return upper.clamp(min=0.0), mouth.lower * taper**1.3


def brow_mask(identity: Identity, x: Tensor, y: Tensor, ragged: Tensor) -> Tensor:
    """Density of the brows (0 to 1); ragged (about normal) breaks up their edge."""
    along = ((x.abs() - (1.35 + 0.45 * identity.brow_gap)) / (3.6 + 0.5 * identity.brow_length)).clamp(-1.0, 2.0)
    inside = along.clamp(0.0, 1.0)
    middle = 1.98 + 0.50 * identity.brow_height + (0.32 + 0.58 * identity.brow_tilt) * inside
    middle = middle + (0.36 + 0.42 * identity.brow_arch) * torch.sin(torch.pi * inside**1.25)
    middle = middle - 0.35 * smoothstep(0.75, 1.0, inside)
    half = 0.36 * (1 + 0.66 * identity.brow_thickness) * (1 - 0.62 * inside**1.5)
    body = smoothstep(1.35, 0.45, (y - middle).abs() / half + 0.28 * ragged)
    return body * smoothstep(-0.07, 0.1, along) * smoothstep(1.03, 0.85, along)
