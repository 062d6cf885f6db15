"""Solid noise: a fixed periodic block of random numbers, read between its points."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F

from swapcore.synth.curves import Tensor

_CELLS = 32
"""Small enough for the block to stay in the processor's cache."""
_CHANNELS = 4


@lru_cache(maxsize=2)
def _block(device: torch.device) -> Tensor:
    """(1, 4, 33, 33, 33) standard normal numbers; the last layer repeats the first, so that the block tiles space."""
    block = np.random.default_rng(7).normal(size=(_CHANNELS, _CELLS, _CELLS, _CELLS)).astype(np.float32)
    block = np.pad(block, ((0, 0), (0, 1), (0, 1), (0, 1)), mode="wrap")
    return torch.from_numpy(block)[None].to(device)


def noise(points: Tensor, frequency: float | tuple[float, float, float], offset: float = 0.0) -> Tensor:
    """Four independent noises (N, 4) at points (N, 3) in cm; frequency in cells per cm."""
    scaled = (points * torch.as_tensor(frequency, dtype=points.dtype, device=points.device) + offset) % _CELLS
    grid = scaled * (2.0 / _CELLS) - 1.0
    values = F.grid_sample(_block(points.device), grid[None, None, None], align_corners=True)
    return values[0, :, 0, 0].T
