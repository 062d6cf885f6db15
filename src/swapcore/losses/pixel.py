"""Pixel loss, weighted by the difference of label and template."""

import torch
import torch.nn.functional as F

_SATURATION = 1.0 / 6.0
"""Mean channel difference, in units of [-1, 1], at which the weight reaches its maximum."""


def change_weight(label: torch.Tensor, template: torch.Tensor, strength: float) -> torch.Tensor:
    """Compute a weight for each pixel that grows with |label - template|, averaged over 3x3 pixels.

    Most pixels of template and label are equal; without this weight, copying the template gives a low loss.

    Args:
        label: (B, 3, S, S) in [-1, 1].
        template: the same.
        strength: extra weight of a pixel that changes completely.

    Returns:
        (B, 1, S, S) in [1, 1 + strength].
    """
    difference = (label - template).abs().mean(1, keepdim=True)
    changed = F.avg_pool2d(difference, 3, 1, 1) / _SATURATION
    return 1.0 + strength * changed.clamp(max=1.0)


def pixel_error(output: torch.Tensor, label: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Compute the weighted mean |output - label| of each sample, (B,), from (B, 3, S, S) and weight (B, 1, S, S)."""
    return ((output - label).abs() * weight).mean((1, 2, 3))


def group_weight(is_fake_label: torch.Tensor, real: float, fake: float) -> torch.Tensor:
    """Return w1 for groups with a real label and w2 for those with a fake label (claim 3): (B,) from bool (B,)."""
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
    """Compute w1 * |Y1 - L| + w2 * |Y2 - F| with w1 > w2, averaged over the batch (claims 2 and 3).

    Args:
        output: (B, 3, S, S) in [-1, 1].
        label: (B, 3, S, S) in [-1, 1].
        weight: (B, 1, S, S), from ``change_weight``.
        is_fake_label: bool (B,).
        real: w1.
        fake: w2.
    """
    return (group_weight(is_fake_label, real, fake) * pixel_error(output, label, weight)).mean()
