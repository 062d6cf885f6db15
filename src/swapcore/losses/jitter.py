"""Random shift, scale and blur before the frozen networks, against adversarial overfitting."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from swapcore.config import JitterParams
from swapcore.ops.sampling import at_least_float32, full_precision, sample_at, sampling_grid


@dataclass(frozen=True)
class Jitter:
    """Transforms of the images of a batch."""

    shift: torch.Tensor
    """(B, 2), x then y, in units of the side."""
    scale: torch.Tensor
    """(B,), 1 = unchanged."""
    blur: torch.Tensor
    """(B,), share of the blurred image, 0 to 1."""

    def select(self, samples: slice) -> "Jitter":
        """Return the transforms of some images."""
        return Jitter(self.shift[samples], self.scale[samples], self.blur[samples])


def draw_jitter(params: JitterParams, uniforms: npt.NDArray[np.float64], device: torch.device) -> Jitter:
    """Draw uniformly within the params' bounds.

    Args:
        params: the bounds.
        uniforms: (B, 4) in [0, 1).
        device: of the result; all values are sent in one copy that no step waits for.
    """
    low = np.array([-params.shift, -params.shift, 1 - params.scale, 0.0])
    high = np.array([params.shift, params.shift, 1 + params.scale, params.blur])
    values = torch.from_numpy((low + (high - low) * uniforms).astype(np.float32))
    if device.type == "cuda":
        values = values.pin_memory()
    values = values.to(device, non_blocking=True)
    return Jitter(shift=values[:, :2], scale=values[:, 2], blur=values[:, 3])


def apply_jitter(image: torch.Tensor, jitter: Jitter, view: torch.Tensor | None = None) -> torch.Tensor:
    """Crop to a view, then shift, scale about the center, and blur; edges are replicated.

    Args:
        image: (B, 3, S, S).
        jitter: transforms of the B images.
        view: (B, 2, 3), affine map from the view to the image, both in [-1, 1]; None for the whole image.

    Returns:
        (B, 3, S, S).
    """
    with full_precision(image):
        image = at_least_float32(image)
        affine = image.new_zeros(len(image), 2, 3)
        affine[:, 0, 0] = affine[:, 1, 1] = 1.0 / jitter.scale.to(image)
        affine[:, :, 2] = -2.0 * jitter.shift.to(image)
        if view is not None:
            view = view.to(image)
            affine = view[:, :, :2] @ affine + F.pad(view[:, :, 2:], (2, 0))
        moved = sample_at(image, sampling_grid(affine, *image.shape[-2:]))
        share = jitter.blur.to(image)[:, None, None, None]
        return moved + share * (_binomial_blur(moved) - moved)


def _binomial_blur(image: torch.Tensor) -> torch.Tensor:
    """Filter with (1, 2, 1) / 4 along both axes."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]) / 4
    return (across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]) / 4
