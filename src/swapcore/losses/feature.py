"""Feature loss: distance to the real label in several layers of a frozen network."""

from collections.abc import Sequence

import torch

_EPSILON = 1e-3


def feature_loss(output_levels: Sequence[torch.Tensor], label_levels: Sequence[torch.Tensor]) -> torch.Tensor:
    """Sum |phi(Y1) - phi(L)| over layers, averaged over the samples (claim 4).

    Each layer is divided by the mean |phi(L)| of its sample, so that layers of any scale have equal weight.

    Args:
        output_levels: [(N, C_i, H_i, W_i)], of the outputs of groups with a real label.
        label_levels: the same of their labels, without gradients.

    Returns:
        A scalar, at least 0.
    """
    pairs = zip(output_levels, label_levels, strict=True)
    return torch.stack([_relative_error(output, label) for output, label in pairs]).sum(0).mean()


def _relative_error(output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Compute mean |output - label| over mean |label| of each sample, (N,), in float32 or float64."""
    if output.dtype != torch.float64:
        output, label = output.float(), label.float()
    return (output - label).abs().mean((1, 2, 3)) / (label.abs().mean((1, 2, 3)) + _EPSILON)
