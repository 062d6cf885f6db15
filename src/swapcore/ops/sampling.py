"""Differentiable resampling of image batches by an affine."""

import torch
import torch.nn.functional as F

from swapcore.ops.geometry import Affine, invert


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
    height, width = batch.shape[-2:]
    inverse = torch.as_tensor(invert(affine), dtype=torch.float64)
    # grid_sample counts in half image sides from the center: pixel p is (2 p + 1) / side - 1.
    to_unit = torch.tensor([[2.0 / width], [2.0 / height]], dtype=torch.float64)
    linear = to_unit * inverse[:, :2] * size_px / 2
    center = inverse @ torch.tensor([(size_px - 1) / 2, (size_px - 1) / 2, 1.0], dtype=torch.float64)
    shift = to_unit * (center[:, None] + 0.5) - 1
    theta = torch.cat([linear, shift], 1).to(batch.device, torch.float32)
    grid = F.affine_grid(theta[None], [1, 1, size_px, size_px], align_corners=False)
    grid = grid.expand(batch.shape[0], -1, -1, -1)
    return F.grid_sample(batch.to(torch.float32), grid, padding_mode="border", align_corners=False)
