"""Eyeballs: where the line of sight meets the ball, so that gaze is exact whatever the lids do."""

from dataclasses import dataclass

import torch

from swapcore.synth.attributes import Attributes
from swapcore.synth.camera import rotation
from swapcore.synth.curves import Tensor, smoothstep, unit
from swapcore.synth.features import EYEBALL_RADIUS, Eye, eye_of, lid_edges
from swapcore.synth.identity import Identity
from swapcore.synth.noise import noise
from swapcore.synth.skin import iris_color

_IRIS_RADIUS, _PUPIL_RADIUS = 0.63, 0.27


@dataclass(frozen=True)
class EyePixels:
    """What the pixels between the lids show; N of them."""

    albedo: Tensor
    """(N, 3) linear RGB."""
    normal: Tensor
    """(N, 3) of the ball, in the head's frame."""
    occlusion: Tensor
    """(N,) shade of the lids."""


def between_lids(identity: Identity, attributes: Attributes, rest: Tensor) -> Tensor:
    """Which points (N, 3) of the neutral head lie in the opening of an eye."""
    along, upper, lower = lid_edges(eye_of(identity), rest[:, 0], attributes.blink, attributes.smile)
    return (along.abs() < 1) & (rest[:, 1] < upper) & (rest[:, 1] > lower) & (rest[:, 2] > -4)


def look(identity: Identity, attributes: Attributes, rest: Tensor, sight: Tensor, viewpoint: Tensor) -> EyePixels:
    """Meet the eyeballs.

    Args:
        identity: whose eyes.
        attributes: gaze, blink, smile.
        rest: (N, 3) points of the neutral head between the lids.
        sight: (N, 3) unit directions from the viewpoint, in the head's frame.
        viewpoint: (3,) the camera in the head's frame.

    Returns:
        Color, normal and shade of each point.
    """
    eye = eye_of(identity)
    side = rest[:, 0].sign()
    center = torch.stack([side * eye.center_x, 0 * side, 0 * side + eye.ball_z], -1)
    towards = viewpoint - center
    half = (towards * sight).sum(-1)
    inside = half**2 - (towards**2).sum(-1) + EYEBALL_RADIUS**2
    normal = unit(towards + sight * (-half - inside.clamp(min=0).sqrt())[:, None])
    gaze = rotation(attributes.gaze_x_deg, -attributes.gaze_y_deg, 0.0)[:, 2]
    axis = torch.tensor(gaze, dtype=rest.dtype, device=rest.device)
    radius = torch.arccos((normal @ axis).clamp(-1, 1)) * EYEBALL_RADIUS
    albedo = _color(identity, normal, axis, radius)
    return EyePixels(albedo, normal, _lid_shade(eye, attributes, rest))


def _color(identity: Identity, normal: Tensor, axis: Tensor, radius: Tensor) -> Tensor:
    """White, iris with fibres and a dark rim, pupil; radius (N,) in cm from the axis of gaze."""
    device = normal.device
    turned = torch.atan2(normal[:, 1] - axis[1], normal[:, 0] - axis[0])
    fibres = noise(torch.stack([torch.cos(turned) * 3, torch.sin(turned) * 3, radius * 1.2], -1), 3.0)[:, 0]
    iris = iris_color(identity).to(device) * (0.62 + 0.28 * fibres).clamp(0.3, 1.2)[:, None]
    iris = (
        iris
        * (1 + 0.5 * smoothstep(0.48, 0.30, radius))[:, None]
        * (1 - 0.72 * smoothstep(0.48, 0.61, radius))[:, None]
    )
    veins = noise(normal, 4.0, 13)
    white = torch.tensor([0.68, 0.63, 0.60], device=device) * (1 + 0.03 * veins[:, :1])
    white = white * (
        1
        - (0.12 * smoothstep(0.9, 1.5, radius) + 0.03 * veins[:, 1]).clamp(0, 1)[:, None]
        * torch.tensor([0.3, 1.0, 1.0], device=device)
    )
    color = white + (iris - white) * smoothstep(_IRIS_RADIUS + 0.02, _IRIS_RADIUS - 0.04, radius)[:, None]
    return color * (1 - 0.97 * smoothstep(_PUPIL_RADIUS + 0.02, _PUPIL_RADIUS - 0.02, radius))[:, None]


def _lid_shade(eye: Eye, attributes: Attributes, rest: Tensor) -> Tensor:
    """The upper lid's shadow, the wet line at the lower one, the dark of the corners."""
    along, upper, lower = lid_edges(eye, rest[:, 0], attributes.blink, attributes.smile)
    above = 0.40 + 0.60 * smoothstep(0.0, 0.42, upper - rest[:, 1])
    below = 0.68 + 0.32 * smoothstep(0.0, 0.12, rest[:, 1] - lower)
    return above * below * smoothstep(1.03, 0.75, along.abs())
