"""The pixel loss: nearness to the label, most of all where the label differs from the template."""

import torch
import torch.nn.functional as F

_SATURATION = 1.0 / 6.0
"""Mean channel difference, in units of [-1, 1], at which a pixel counts as wholly changed."""


def change_weight(label: torch.Tensor, template: torch.Tensor, strength: float) -> torch.Tensor:
    """Weight of each pixel, (B, 1, S, S) from 1 to 1 + strength, growing with |label - template| averaged over 3x3.

    Most pixels of a template already equal the label's; without this weight, copying the template is a good answer.
    """
    difference = (label - template).abs().mean(1, keepdim=True)
    changed = F.avg_pool2d(difference, 3, 1, 1) / _SATURATION
    return 1.0 + strength * changed.clamp(max=1.0)


def pixel_error(output: torch.Tensor, label: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Weighted mean |output - label| of each sample, (B,), from (B, 3, S, S) and weight (B, 1, S, S)."""
    return ((output - label).abs() * weight).mean((1, 2, 3))


def group_weight(is_fake_label: torch.Tensor, real: float, fake: float) -> torch.Tensor:
    """w1 for a group with a real label, w2 for one with a fake label (claim 3), (B,) from bool (B,)."""
    return torch.where(is_fake_label, fake, real)


def pixel_loss(
    output: torch.Tensor,
    label: torch.Tensor,
    weight: torch.Tensor,
    is_fake_label: torch.Tensor,
    *,
    real: float,
    fake: float,
) -> torch.Tensor:
    """w1 * |Y1 - L| + w2 * |Y2 - F| with w1 > w2, averaged over the batch (claims 2 and 3).

    Args:
        output: (B, 3, S, S) in [-1, 1].
        label: (B, 3, S, S) in [-1, 1].
        weight: (B, 1, S, S), from ``change_weight``.
        is_fake_label: bool (B,).
        real: w1.
        fake: w2.
    """
    return (group_weight(is_fake_label, real, fake) * pixel_error(output, label, weight)).mean()
