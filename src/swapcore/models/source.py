"""Source conditioning of the generator, the same in training and at inference."""

from collections.abc import Sequence

import torch
from torch import nn

from swapcore.ops.embedding import Recognize, centered

EMBEDDING_GAIN = 16.0
"""Scales the embedding, a unit vector whose 128 entries are near 1/11, above the standardized levels, which are ten times as many."""
_MIN_DEVIATION = 1e-3


def pool_levels(levels: Sequence[torch.Tensor], embedding: torch.Tensor) -> torch.Tensor:
    """Compute mean and standard deviation over space of every channel of every level.

    Args:
        levels: [(B, C_i, H_i, W_i)]; empty for a recognizer that only returns embeddings.
        embedding: (B, D); gives batch size and device.

    Returns:
        (B, 2 * sum C_i), float32.
    """
    pooled = [embedding.new_zeros(embedding.shape[0], 0, dtype=torch.float32)]
    for level in levels:
        variance, mean = torch.var_mean(level.float(), dim=(2, 3), correction=0)
        pooled += [mean, variance.clamp(min=0).sqrt()]
    return torch.cat(pooled, 1)


class SourceDescription(nn.Module):
    """Standardizes pooled recognizer levels and centers the embedding; the buffers are part of the generator's weights."""

    embedding_mean: torch.Tensor
    pooled_mean: torch.Tensor
    pooled_std: torch.Tensor

    def __init__(self, embedding_size: int, pooled_size: int) -> None:
        super().__init__()
        self.register_buffer("embedding_mean", torch.zeros(embedding_size))
        self.register_buffer("pooled_mean", torch.zeros(pooled_size))
        self.register_buffer("pooled_std", torch.ones(pooled_size))

    @property
    def size(self) -> int:
        """Length of a description, P + D."""
        return self.embedding_mean.numel() + self.pooled_mean.numel()

    @torch.no_grad()
    def set_statistics(self, pooled_mean: torch.Tensor, pooled_std: torch.Tensor, embedding_mean: torch.Tensor) -> None:
        """Set the statistics over the training people's sources: mean and deviation (P,) of the pooled levels, and (D,)."""
        self.embedding_mean.copy_(embedding_mean)
        self.pooled_mean.copy_(pooled_mean)
        self.pooled_std.copy_(pooled_std.clamp(min=_MIN_DEVIATION))

    @torch.no_grad()
    def fit(self, pooled: torch.Tensor, embedding_mean: torch.Tensor) -> None:
        """Set the statistics from all sources: pooled (N, P), embedding_mean (D,)."""
        self.set_statistics(pooled.mean(0), pooled.std(0, correction=0), embedding_mean)

    def forward(self, pooled: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Compute the description (B, P + D), float32, from pooled levels (B, P) and raw embedding (B, D)."""
        identity = centered(embedding, self.embedding_mean)
        standard = (pooled - self.pooled_mean) / self.pooled_std
        return torch.cat([standard, EMBEDDING_GAIN * identity], 1)

    @torch.no_grad()
    def describe(self, recognize: Recognize, source: torch.Tensor) -> torch.Tensor:
        """Compute the generator's description (B, P + D) of source crops (B, 3, S, S) in [-1, 1]."""
        levels, embedding = recognize(source)
        described: torch.Tensor = self(pool_levels(levels, embedding), embedding)
        return described
