"""Patch discriminator with spectral normalization."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from swapcore.ops.sampling import full_precision


class Discriminator(nn.Module):
    """Classifies patches of a crop as real or swapped.

    Spectral normalization (Miyato et al., 2018) alone keeps the training of so small a network stable.
    """

    def __init__(self, width: int) -> None:
        """Build an untrained discriminator whose first layer has ``width`` channels."""
        super().__init__()
        self.layers = nn.ModuleList(
            [
                spectral_norm(nn.Conv2d(3, width, 4, 2, 1)),
                spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, 1)),
                spectral_norm(nn.Conv2d(2 * width, 4 * width, 4, 2, 1)),
                spectral_norm(nn.Conv2d(4 * width, 4 * width, 3, 1, 1)),
            ]
        )
        self.head = spectral_norm(nn.Conv2d(4 * width, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Score crops (B, 3, S, S) in [-1, 1]: (B, 1, S/8, S/8), float32, high for a real image."""
        with parametrize.cached():
            self._normalize_weights(image)
            x = image
            for layer in self.layers:
                x = F.leaky_relu(layer(x), 0.2)
            scores: torch.Tensor = self.head(x)
            return scores.float()

    def _normalize_weights(self, image: torch.Tensor) -> None:
        """Fill the cache with the normalized weights: under autocast, CUDA would run the power iteration in bf16."""
        with full_precision(image):
            for layer in [*self.layers, self.head]:
                _ = layer.weight
