"""Composition of a swap from predicted fields, at any resolution."""

from typing import Final, NamedTuple

import torch
import torch.nn.functional as F

from swapcore.ops.correspondence import gaussian_blur
from swapcore.ops.sampling import full_precision, sample_at

LIGHT_SIGMA = 1 / 16
"""Of the side: detail coarser than this counts as light, which the template decides."""
_LEAST_WEIGHT = 1e-2
_GAIN_SHARE, _GAIN_BOUNDS = 0.8, (-0.8, 0.4)
"""Of the logarithm of the ratio of lights. Larger gains would turn the highlights of dark skin white on pale templates."""
_DARK_ROOM = 0.2
"""Logarithm: so much more than the ratio of lights dark pixels may brighten. With less room, darker skin detail becomes blotches."""
_LEAST_LIGHT = 1e-2
_DARKEST = 0.05
"""Of 2: keeps the ratio finite."""


class Guide(NamedTuple):
    """A first guess of flows and mask, from landmarks of source, template and output; see ``ops.guide.GuideMaker``."""

    flow: torch.Tensor
    """(B, 2, w, w): position in the source minus position in the output, x then y, in units of half the side."""
    own_flow: torch.Tensor
    """(B, 2, w, w): the same for the template, whose face is moved to the source's proportions."""
    visible: torch.Tensor
    """(B, 1, w, w) in [0, 1]: 1 where the source shows the surface point of an output pixel."""
    kept: torch.Tensor
    """(B, 1, w, w) in [0, 1]: 1 where the template stays all the same: its teeth, and what covers one of the two faces."""
    skin: torch.Tensor
    """(B, 1, w, w) in [0, 1]: 1 where the output shows skin, 0 at brows, eyes and lips, whose colors are no measure of light."""
    near: torch.Tensor
    """(B, 1, w, w) in [0, 1]: 1 inside the face, falling to 0 around it, as the flows do."""

    @property
    def usable(self) -> torch.Tensor:
        """Where the source can be taken, (B, 1, w, w) in [0, 1]."""
        return self.visible * (1.0 - self.kept)


GUIDE_CHANNELS: Final = {name: 2 if name.endswith("flow") else 1 for name in Guide._fields}
"""Number of channels of each part of a guide, in its order."""


class Light(NamedTuple):
    """How the light of an image changes; fields (B, ., S, S)."""

    gain: torch.Tensor
    """3 channels: logarithm of the factor."""
    bias: torch.Tensor
    """3 channels: what is added, in units of [-1, 1]."""
    dark_gain: torch.Tensor
    """1 channel: logarithm of the largest factor of a pixel's mean, so that the bias does not turn dark brows and pupils gray."""


class Fields(NamedTuple):
    """Predictions of the field generator at the working size w, all (B, ., w, w), float32."""

    source_flow: torch.Tensor
    """2 channels: position in the source minus position in the output, x then y, in units of half the side."""
    template_flow: torch.Tensor
    """2 channels: the same for the template."""
    gain: torch.Tensor
    """3 channels: logarithm of the factor by which the source's light changes."""
    bias: torch.Tensor
    """3 channels: what is added to the source's light, in units of [-1, 1]."""
    dark_gain: torch.Tensor
    """1 channel: see ``Light``."""
    shares: torch.Tensor
    """3 channels that sum to 1: painted, source, template."""
    painted: torch.Tensor
    """3 channels in [-1, 1]: the color of the painted share."""
    mask: torch.Tensor
    """1 channel in [0, 1]: where the composite replaces the template."""

    @property
    def light(self) -> Light:
        """How the source's light changes."""
        return Light(self.gain, self.bias, self.dark_gain)


class Swap(NamedTuple):
    """What the generator gives back, all (B, ., S, S)."""

    image: torch.Tensor
    """The composite, (B, 3, S, S) in [-1, 1]: mask * raw + (1 - mask) * template."""
    raw: torch.Tensor
    """The image before the mask, (B, 3, S, S) in [-1, 1]; outside the window the template."""
    mask: torch.Tensor
    """Where the raw image is used, (B, 1, S, S) in [0, 1]; outside the window 0."""
    fields: Fields | None = None
    """What the image was composed from, at the working size; None where pixels were predicted."""


def compose(
    fields: Fields, source: torch.Tensor, template: torch.Tensor, *, smooth: bool = False
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Compose a swap from photographs of any size and fields of the working size, in float32.

    Args:
        fields: (B, ., w, w).
        source: (B, 3, R, R) in [-1, 1].
        template: (B, 3, S, S) in [-1, 1].
        smooth: enlarge the fields and sample the photographs with cubic kernels; sharper, and slower to differentiate.

    Returns:
        The composite, the image before the mask, both (B, 3, S, S), and the mask (B, 1, S, S).
    """
    size = template.shape[-1]
    with full_precision(template):
        source, template = source.float(), template.float()
        large = Fields(*(_enlarge(field, size, smooth=smooth) for field in fields))
        if smooth:  # cubic kernels leave the range of what they sample; linear ones, and sums of shares, do not
            shares = large.shares.clamp(0, 1)
            large = large._replace(
                mask=large.mask.clamp(0, 1),
                painted=large.painted.clamp(-1, 1),
                shares=shares / shares.sum(1, keepdim=True),
            )
        lit = relight(_move(source, large.source_flow, smooth=smooth), large.light)
        own = _move(template, large.template_flow, smooth=smooth)
        painted, from_source, from_template = torch.split(large.shares, 1, 1)
        raw, mask = painted * large.painted + from_source * lit + from_template * own, large.mask
        return mask * raw + (1.0 - mask) * template, raw, mask


def relight(image: torch.Tensor, light: Light) -> torch.Tensor:
    """Scale and shift the light of (B, 3, S, S) in [-1, 1]; black is the fixed point of the gains."""
    before = image + 1.0
    after = before * torch.exp(light.gain) + light.bias
    bound = before.mean(1, keepdim=True) * torch.exp(light.dark_gain)
    return after * (bound / after.mean(1, keepdim=True).clamp(min=_LEAST_LIGHT)).clamp(max=1.0) - 1.0


def slow_light(image: torch.Tensor, template: torch.Tensor, weight: torch.Tensor) -> Light:
    """Compute what gives an image the template's light where weight is set: the slow part of the difference.

    Most of it is a gain, which keeps dark brows dark on brightened skin; the bias is what the gain's bounds leave over.

    Args:
        image: (B, 3, w, w) in [-1, 1], aligned with template.
        template: (B, 3, w, w).
        weight: (B, 1, w, w) in [0, 1]; elsewhere gain and bias fade to zero.
    """
    sigma_px = LIGHT_SIGMA * int(template.shape[-1])
    known = gaussian_blur(weight, sigma_px) + _LEAST_WEIGHT
    lights = (gaussian_blur((each + 1.0) * weight, sigma_px) / known + _DARKEST for each in (image, template))
    before, after = lights
    ratio = torch.log(after / before) * (1.0 - _LEAST_WEIGHT / known)
    gain = (_GAIN_SHARE * ratio).clamp(*_GAIN_BOUNDS)
    left = template + 1.0 - (image + 1.0) * torch.exp(gain)
    bias = gaussian_blur(left * weight, sigma_px) / known
    return Light(gain, bias, ratio.mean(1, keepdim=True) + _DARK_ROOM)


def move(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Sample (B, C, R, R) bilinearly where a flow (B, 2, S, S) points: (B, C, S, S); edges are replicated."""
    return _move(image, flow, smooth=False)


def _move(image: torch.Tensor, flow: torch.Tensor, *, smooth: bool) -> torch.Tensor:
    return sample_at(image, (_own_places(flow) + flow).permute(0, 2, 3, 1), cubic=smooth)


def _own_places(flow: torch.Tensor) -> torch.Tensor:
    """Each pixel's own place (1, 2, S, S) in [-1, 1]; made so that an exported graph follows the size of its inputs."""
    ones = torch.ones_like(flow[:1, :1])
    x, y = ((2 * ones.cumsum(axis) - 1) / flow.shape[axis] - 1 for axis in (-1, -2))
    return torch.cat([x, y], 1)


def _enlarge(field: torch.Tensor, size_px: int, *, smooth: bool) -> torch.Tensor:
    mode = "bicubic" if smooth else "bilinear"
    return F.interpolate(field.float(), size=(size_px, size_px), mode=mode, align_corners=False)
