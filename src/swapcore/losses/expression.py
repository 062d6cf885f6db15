"""Expression loss: openings of mouth and eyes, width of the mouth, and gaze of output and template."""

from collections.abc import Callable

import torch

Measure = Callable[[torch.Tensor], torch.Tensor]
"""Crops (B, 3, S, S) in [-1, 1] to measures (B, E) in percent of the distance of the eyes; differentiable."""
_PERCENT = 0.01


def expression_loss(measure: Measure, output: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Compute the mean absolute difference of two images' measures, in units of the distance of the eyes.

    Args:
        measure: of expression and gaze.
        output: (B, 3, S, S) in [-1, 1].
        wanted: (B, 3, S, S), images with the expression that the output should have; they get no gradient.
    """
    with torch.no_grad():
        known = measure(wanted)
    return _PERCENT * (measure(output) - known).abs().mean()
