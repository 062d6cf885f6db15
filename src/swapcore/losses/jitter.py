"""Small shifts, sizes and blurs before the recognizer of the losses, which is easily fooled by pixels in exact places."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from swapcore.config import JitterParams
from swapcore.ops.sampling import at_least_float32, full_precision, sample_at, sampling_grid


@dataclass(frozen=True)
class Jitter:
    """What happens to each image of a batch."""

    shift: torch.Tensor
    """(B, 2), x then y, share of the side."""
    scale: torch.Tensor
    """(B,), 1 = as it is."""
    blur: torch.Tensor
    """(B,), share of the blurred image, 0 to 1."""

    def select(self, samples: slice) -> "Jitter":
        """That of some images."""
        return Jitter(self.shift[samples], self.scale[samples], self.blur[samples])


def draw_jitter(params: JitterParams, batch_size: int, rng: np.random.Generator) -> Jitter:
    """Draw uniformly within the params' bounds."""

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32))

    return Jitter(
        shift=uniform(-params.shift, params.shift, batch_size, 2),
        scale=uniform(1 - params.scale, 1 + params.scale, batch_size),
        blur=uniform(0, params.blur, batch_size),
    )


def apply_jitter(image: torch.Tensor, jitter: Jitter, view: torch.Tensor | None = None) -> torch.Tensor:
    """Cut a view, then shift, scale about the center, and blur (B, 3, S, S); edges are replicated.

    Args:
        image: (B, 3, S, S).
        jitter: of B images.
        view: (B, 2, 3), a point of the view to where it lies in the image, both from -1 to 1; None: all of the image as it is.
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
    """Filter with (1, 2, 1)/4 along both axes."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]) / 4
    return (across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]) / 4
