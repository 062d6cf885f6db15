"""Face embeddings: centering, unit length, cosine."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

Levels = Callable[[torch.Tensor], Sequence[torch.Tensor]]
"""A frozen feature network: (B, 3, S, S) in [-1, 1] to feature maps [(B, C_i, H_i, W_i)]."""
Recognize = Callable[[torch.Tensor], tuple[Sequence[torch.Tensor], torch.Tensor]]
"""A frozen face recognizer: crops (B, 3, S, S) in [-1, 1] to its feature maps and the raw embedding (B, D)."""

_FloatT = TypeVar("_FloatT", np.float32, np.float64)
_MIN_LENGTH = 1e-12


def centered(embedding: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Subtract the mean from raw embeddings and scale to unit length.

    Raw cosines of different people are about 0.84; centered ones are around 0.

    Args:
        embedding: (..., D).
        mean: (D,), mean raw embedding of the training people.

    Returns:
        (..., D), float32.
    """
    return F.normalize(embedding.to(torch.float32) - mean, dim=-1, eps=1e-8)


def cosine(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the cosine in [-1, 1] of unit vectors (..., D), e.g. of ``centered``."""
    return (first * second).sum(-1)


def unit_length(vectors: npt.NDArray[_FloatT]) -> npt.NDArray[_FloatT]:
    """Scale vectors (..., D) to unit length; zero vectors stay zero."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _MIN_LENGTH))
