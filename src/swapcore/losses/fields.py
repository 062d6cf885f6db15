"""Losses of the field generator: correspondence, crisp shares, little paint, smooth flows."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from swapcore.config import LossWeights
from swapcore.ops.compose import Fields, Guide

_ROBUST_PX = 0.2
"""Of the working size: below it the flow loss is quadratic, above it linear, so that wrong points pull no harder."""


@dataclass(frozen=True)
class Correspondence:
    """Points of one surface in label and source; all of a batch have the same number N."""

    label: torch.Tensor
    """(B, N, 2), x then y, -1 to 1 over the crop."""
    source: torch.Tensor
    """(B, N, 2), the same points in the source."""
    visible: torch.Tensor
    """(B, N) in {0, 1}: shown by both."""
    hidden: torch.Tensor
    """(B, N) in {0, 1}: shown by the label, not by the source."""

    def select(self, samples: slice) -> "Correspondence":
        """Those of some samples."""
        return Correspondence(**{name: value[samples] for name, value in vars(self).items()})


def edges(image: torch.Tensor) -> torch.Tensor:
    """Differences of neighboring pixels, (B, C, S, S) to (B, 2 C, S, S): to the right, then down, 0 at the last."""
    return torch.cat([F.pad(image.diff(dim=-1), (0, 1)), F.pad(image.diff(dim=-2), (0, 0, 0, 1))], 1)


def sample_points(field: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Read a field (B, C, w, w) at points (B, N, 2) in [-1, 1]: (B, N, C), float32."""
    with torch.autocast(field.device.type, enabled=False):
        read = F.grid_sample(field.float(), points.float()[:, None], padding_mode="border", align_corners=False)
    return read[:, :, 0].mT


def flow_loss(flow: torch.Tensor, known: Correspondence) -> torch.Tensor:
    """Mean robust distance, in working pixels, of the source flow (B, 2, w, w) from the known one, at visible points.

    sqrt(d^2 + c^2) - c, Charbonnier et al., "Two deterministic half-quadratic regularization algorithms", 1994.
    """
    missed = sample_points(flow, known.label) - (known.source - known.label)
    distance = missed.square().sum(-1) * (flow.shape[-1] / 2) ** 2
    robust = (distance + _ROBUST_PX**2).sqrt() - _ROBUST_PX
    return (robust * known.visible).sum() / known.visible.sum().clamp(min=1.0)


def hidden_loss(shown_source: torch.Tensor, known: Correspondence) -> torch.Tensor:
    """Mean share of the source (B, 1, w, w) at points of the label that the source does not show."""
    share = sample_points(shown_source, known.label)[..., 0]
    return (share * known.hidden).sum() / known.hidden.sum().clamp(min=1.0)


def blend_loss(shown_source: torch.Tensor) -> torch.Tensor:
    """Mean a (1 - a) of the share of the source in the composite: half of each face is a blurred double."""
    return (shown_source * (1.0 - shown_source)).mean()


def bend_loss(flow: torch.Tensor) -> torch.Tensor:
    """Mean absolute second differences of flows (B, C, w, w), in working pixels, along both axes."""
    bent = flow.diff(n=2, dim=-1).abs().mean() + flow.diff(n=2, dim=-2).abs().mean()
    return bent * flow.shape[-1] / 2


def field_terms(weights: LossWeights, fields: Fields, guide: Guide, known: Correspondence) -> dict[str, torch.Tensor]:
    """Compute every term of the fields, weighted and named; terms of weight 0 are left out.

    Args:
        weights: of all terms.
        fields: (B, ., w, w).
        guide: what the generator was given.
        known: points with known correspondence.
    """
    shown_source = fields.mask * fields.shares[:, 1:2]
    painted = fields.mask * fields.shares[:, :1]
    half_px = fields.source_flow.shape[-1] / 2
    price = 1.0 - (1.0 - weights.paint_hidden) * (1.0 - guide.usable)
    flows = torch.cat([fields.source_flow, fields.template_flow], 1)
    terms: list[tuple[str, float, Callable[[], torch.Tensor]]] = [
        ("flow", weights.flow, lambda: flow_loss(fields.source_flow, known)),
        ("hidden", weights.hidden, lambda: hidden_loss(shown_source, known)),
        ("blend", weights.blend, lambda: blend_loss(shown_source)),
        ("paint", weights.paint, lambda: (price * painted).mean()),
        ("still", weights.still, lambda: half_px * (fields.template_flow - guide.own_flow).abs().mean()),
        ("smooth", weights.smooth, lambda: bend_loss(flows)),
    ]
    return {name: weight * term() for name, weight, term in terms if weight}


@torch.no_grad()
def field_metrics(fields: Fields, guide: Guide, known: Correspondence) -> dict[str, float]:
    """Shares of the composite inside the face, and the flow's error.

    - painted, from_template: mean share where the guide is certain.
    - flow_px: mean distance from the known correspondence, in working pixels.
    """
    inside = guide.usable / guide.usable.sum().clamp(min=1.0)
    painted = (fields.mask * fields.shares[:, :1] * inside).sum()
    source = (fields.mask * fields.shares[:, 1:2] * inside).sum()
    return {
        "painted": float(painted),
        "from_template": float(1.0 - painted - source),
        "flow_px": float(flow_loss(fields.source_flow, known)),
    }
