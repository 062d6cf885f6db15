"""Face features as directions: raw embeddings are centered before any cosine is taken."""

import torch
import torch.nn.functional as F


def centered(embedding: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Unit vectors (..., D) of raw embeddings minus the mean raw embedding (D,) of the training people.

    Raw cosines of different people are about 0.84; centered ones spread around 0.
    """
    return F.normalize(embedding.to(torch.float32) - mean, dim=-1, eps=1e-8)


def cosine(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Cosine in [-1, 1] of unit vectors (..., D), as ``centered`` gives them."""
    return (first * second).sum(-1)
