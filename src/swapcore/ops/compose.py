"""Composition of a swap from predicted fields, at any resolution."""

from typing import Final, NamedTuple

import torch
import torch.nn.functional as F

from swapcore.ops.light import Light, relight
from swapcore.ops.sampling import full_precision, sample_at


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
    eyes: torch.Tensor
    """(B, 1, w, w) in [0, 1]: 1 between the output's lids."""
    brows: torch.Tensor
    """(B, 1, w, w) in [0, 1]."""
    lips: torch.Tensor
    """(B, 1, w, w) in [0, 1]."""
    near: torch.Tensor
    """(B, 1, w, w) in [0, 1]: 1 inside the face, falling to 0 around it, as the flows do."""

    @property
    def usable(self) -> torch.Tensor:
        """Where the source can be taken, (B, 1, w, w) in [0, 1]."""
        return self.visible * (1.0 - self.kept)


GUIDE_CHANNELS: Final = {name: 2 if name.endswith("flow") else 1 for name in Guide._fields}
"""Number of channels of each part of a guide, in its order."""


class Fields(NamedTuple):
    """Predictions of the field generator at the working size w, all (B, ., w, w), float32."""

    source_flow: torch.Tensor
    """2 channels: position in the source minus position in the output, x then y, in units of half the side."""
    template_flow: torch.Tensor
    """2 channels: the same for the template."""
    light_own: torch.Tensor
    """3 channels: see ``Light``, and for the next five."""
    light_wanted: torch.Tensor
    """3 channels."""
    light_contrast: torch.Tensor
    """1 channel."""
    light_feature_share: torch.Tensor
    """1 channel."""
    light_dark_hair: torch.Tensor
    """1 channel."""
    light_brows: torch.Tensor
    """1 channel."""
    bias: torch.Tensor
    """3 channels: what is added to the source in its new light, in units of [-1, 1]."""
    shares: torch.Tensor
    """3 channels that sum to 1: painted, source, template."""
    painted: torch.Tensor
    """3 channels in [-1, 1]: the color of the painted share."""
    mask: torch.Tensor
    """1 channel in [0, 1]: where the composite replaces the template."""

    @property
    def light(self) -> Light:
        """How the source's light changes."""
        return Light(*(getattr(self, f"light_{name}") for name in Light._fields))


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
        lit = relight(_move(source, large.source_flow, smooth=smooth), large.light) + large.bias
        own = _move(template, large.template_flow, smooth=smooth)
        painted, from_source, from_template = torch.split(large.shares, 1, 1)
        raw, mask = painted * large.painted + from_source * lit + from_template * own, large.mask
        return mask * raw + (1.0 - mask) * template, raw, mask


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
