"""What the generator is told of the source: one function from crops and recognizer, the same in training and at inference."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from swapcore.ops.embedding import centered

Recognize = Callable[[torch.Tensor], tuple[Sequence[torch.Tensor], torch.Tensor]]
"""A frozen face network: crops (B, 3, S, S) in [-1, 1] to its levels [(B, C_i, H_i, W_i)] and raw embedding (B, D)."""

EMBEDDING_GAIN = 16.0
"""A unit vector of some 128 numbers has entries near 1/11; larger than the ten times as many standardized levels, it is heard."""
_MIN_DEVIATION = 1e-3


def pool_levels(levels: Sequence[torch.Tensor], embedding: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation over space of every channel of every level, (B, 2 * sum C_i), float32.

    Without levels (a network that gives embeddings only) the width is 0.
    """
    pooled = [embedding.new_zeros(embedding.shape[0], 0, dtype=torch.float32)]
    for level in levels:
        variance, mean = torch.var_mean(level.float(), dim=(2, 3), correction=0)
        pooled += [mean, variance.clamp(min=0).sqrt()]
    return torch.cat(pooled, 1)


class SourceDescription(nn.Module):
    """Standardizes pooled recognizer levels and centers the embedding; its buffers travel with the generator's weights."""

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
        """Numbers in a description."""
        return self.embedding_mean.numel() + self.pooled_mean.numel()

    @torch.no_grad()
    def fit(self, pooled: torch.Tensor, embedding_mean: torch.Tensor) -> None:
        """Take the statistics of the training people's sources: pooled (N, P), embedding_mean (D,)."""
        self.embedding_mean.copy_(embedding_mean)
        self.pooled_mean.copy_(pooled.mean(0))
        self.pooled_std.copy_(pooled.std(0, correction=0).clamp(min=_MIN_DEVIATION))

    def forward(self, pooled: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Pooled levels (B, P) and raw embedding (B, D) to the description (B, P + D), float32."""
        identity = centered(embedding, self.embedding_mean)
        standard = (pooled - self.pooled_mean) / self.pooled_std
        return torch.cat([standard, EMBEDDING_GAIN * identity], 1)

    @torch.no_grad()
    def describe(self, recognize: Recognize, source: torch.Tensor) -> torch.Tensor:
        """Source crops (B, 3, S, S) in [-1, 1] to the description (B, P + D) that the generator takes."""
        levels, embedding = recognize(source)
        described: torch.Tensor = self(pool_levels(levels, embedding), embedding)
        return described
