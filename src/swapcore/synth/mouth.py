"""The inside of an open mouth: teeth, tongue, dark, painted on the band between the lips."""

from dataclasses import dataclass

import torch

from swapcore.synth.attributes import Attributes
from swapcore.synth.curves import Tensor, bell, mix, smoothstep, unit
from swapcore.synth.features import mouth_line, mouth_of
from swapcore.synth.head import lips_apart
from swapcore.synth.identity import Identity

_HALF_BAND = 0.064
"""Half the height, on the neutral head, of the strip that the parting lips stretch."""


@dataclass(frozen=True)
class MouthPixels:
    """What the pixels between the lips show; N of them."""

    albedo: Tensor
    gloss: Tensor
    normal: Tensor
    """(N, 3) of the arc of the teeth, in the head's frame: the strip between the lips is stretched skin and tells nothing."""
    occlusion: Tensor


def between_lips(identity: Identity, attributes: Attributes, rest: Tensor) -> Tensor:
    """Which points (N, 3) of the neutral head lie between the parted lips."""
    mouth = mouth_of(identity)
    if lips_apart(attributes) < 0.02:
        return torch.zeros(len(rest), dtype=torch.bool, device=rest.device)
    strip = (rest[:, 1] - mouth_line(mouth, rest[:, 0])).abs() < _HALF_BAND
    return strip & (rest[:, 0].abs() < mouth.half_width) & (rest[:, 2] > -6)


def look_inside(identity: Identity, attributes: Attributes, rest: Tensor) -> MouthPixels:
    """Color and shade at points (N, 3) between the lips."""
    mouth = mouth_of(identity)
    x, device = rest[:, 0], rest.device
    s = (x / mouth.half_width).abs()
    depth = (rest[:, 1] - mouth_line(mouth, x) + _HALF_BAND) / (2 * _HALF_BAND)
    height = max(0.05, 2.9 * attributes.mouth_open + 0.70 * lips_apart(attributes))
    under_lip = (1 - depth) * height + 0.30 * s**2 + 0.10
    tongue = (
        smoothstep(0.55, 0.9, 1 - depth) * smoothstep(0.8, 0.3, s) * smoothstep(0.8, 1.4, torch.full_like(x, height))
    )
    albedo = torch.tensor([0.11, 0.022, 0.022], device=device) * (0.5 + 0.5 * depth)[:, None]
    albedo = mix(albedo, torch.tensor([0.40, 0.14, 0.13], device=device).expand_as(albedo), tongue)
    width = 0.82 - 0.25 * smoothstep(0.3, 1.6, x.abs())
    gap = ((x.abs() + 0.001) % width) / width
    between = bell(torch.minimum(gap, 1 - gap), 0.07)
    length = 0.82 - 0.05 * between - 0.16 * s**2
    tooth = smoothstep(length + 0.05, length - 0.04, under_lip) * smoothstep(0.96, 0.72, s)
    enamel = torch.tensor([0.70, 0.63, 0.52], device=device) * (1 - 0.30 * between)[:, None]
    occlusion = 0.22 + 0.60 * smoothstep(0.98, 0.25, s)
    occlusion = occlusion * (0.55 + 0.45 * smoothstep(0.05, 0.35, under_lip - 0.10))
    arc = unit(torch.stack([x, torch.full_like(x, 0.4), torch.full_like(x, 2.2)], -1))
    return MouthPixels(mix(albedo, enamel, tooth), 0.06 + 0.16 * tooth, arc, occlusion)
