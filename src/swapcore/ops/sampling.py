"""Differentiable resampling of image batches, in float32 also under autocast."""

from contextlib import AbstractContextManager

import numpy as np
import torch
import torch.nn.functional as F

from swapcore.ops.geometry import Affine, invert


def full_precision(like: torch.Tensor) -> AbstractContextManager[object]:
    """Turn autocast off on the tensor's device: bf16 rounds positions in a 512 px image by up to half a pixel."""
    return torch.autocast(like.device.type, enabled=False)


def at_least_float32(values: torch.Tensor) -> torch.Tensor:
    """Convert bf16 and fp16 to float32; float32 and float64 stay as they are."""
    return values if values.dtype == torch.float64 else values.float()


def sampling_grid(affine: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Compute where each output pixel is sampled.

    Args:
        affine: (B, 2, 3), output position to input position, both -1 to 1 over the image (pixel edges).
        height: of the output, in pixels.
        width: of the output, in pixels.

    Returns:
        (B, height, width, 2), x then y in [-1, 1] inside the image; float32 or float64.
    """
    with full_precision(affine):
        affine = at_least_float32(affine)
        return F.affine_grid(affine, [len(affine), 1, height, width], align_corners=False)


def identity_grid(like: torch.Tensor, size_px: int) -> torch.Tensor:
    """Compute the grid (1, S, S, 2) that samples every pixel at its own place, on the device of ``like``."""
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    return sampling_grid(torch.eye(2, 3, dtype=dtype, device=like.device)[None], size_px, size_px)


def sample_at(images: torch.Tensor, grid: torch.Tensor, *, cubic: bool = False) -> torch.Tensor:
    """Sample images; edges are replicated.

    Args:
        images: (B, C, H, W).
        grid: (B, h, w, 2), as from ``sampling_grid``.
        cubic: interpolate with a cubic kernel, which keeps more detail than the bilinear one.

    Returns:
        (B, C, h, w), float32, or float64 where both inputs are.
    """
    with full_precision(images):
        images, grid = at_least_float32(images), at_least_float32(grid)
        return F.grid_sample(images, grid, "bicubic" if cubic else "bilinear", "border", align_corners=False)


View = tuple[float, float, float, float, float, float]
"""Row-major (2, 3) affine map from a cut to the image that it samples, both -1 to 1 over their edges."""


def view_of(affine: Affine, height: int, width: int, size_px: int) -> View:
    """Return the view of a square cut.

    Args:
        affine: (2, 3), maps points of the image to points of the cut; pixel centers are whole numbers.
        height: of the image, in pixels.
        width: of the image, in pixels.
        size_px: side of the cut.
    """
    inverse = invert(affine)
    # grid_sample counts in half image sides from the center: pixel p is (2 p + 1) / side - 1.
    to_unit = np.array([2.0 / width, 2.0 / height])
    linear = to_unit[:, None] * inverse[:, :2] * size_px / 2
    center = inverse @ np.array([(size_px - 1) / 2, (size_px - 1) / 2, 1.0])
    shift = to_unit * (center + 0.5) - 1
    a, b, c, d, e, f = np.hstack([linear, shift[:, None]]).ravel().tolist()
    return a, b, c, d, e, f


def sample_view(batch: torch.Tensor, view: View, size_px: int) -> torch.Tensor:
    """Sample the same view of every image of a batch, bilinearly; edges are replicated.

    The numbers of the view go into the device's operations, not into a tensor, whose copy the host would wait for.

    Args:
        batch: float (B, C, H, W).
        view: what is sampled.
        size_px: side of the result.

    Returns:
        float32 (B, C, size_px, size_px), differentiable with respect to batch.
    """
    a, b, c, d, e, f = view
    places = (2 * torch.arange(size_px, device=batch.device, dtype=torch.float32) + 1) / size_px - 1
    x, y = places[None, :], places[:, None]
    grid = torch.stack([a * x + b * y + c, d * x + e * y + f], -1)
    return sample_at(batch.to(torch.float32), grid.expand(batch.shape[0], -1, -1, -1))


def resample(batch: torch.Tensor, affine: Affine, size_px: int) -> torch.Tensor:
    """Cut a square out of every image of a batch, bilinearly; edges are replicated.

    The tensor counterpart of ``ops.geometry.warp``, without its averaging down: the caller averages before a
    reduction of more than twofold.

    Args:
        batch: float (B, C, H, W); taken to float32.
        affine: (2, 3), maps points of the image to points of the cut; pixel centers are whole numbers.
        size_px: side of the cut.

    Returns:
        float32 (B, C, size_px, size_px), differentiable with respect to batch.
    """
    return sample_view(batch, view_of(affine, batch.shape[-2], batch.shape[-1], size_px), size_px)
