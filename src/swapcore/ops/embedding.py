"""Centered unit vectors of face embeddings, and their cosines."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F


def centered(embedding: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Return unit vectors (..., D) of raw embeddings minus the mean raw embedding (D,) of the training people.

    Raw cosines of different people are about 0.84; centered ones spread around 0.
    """
    return F.normalize(embedding.to(torch.float32) - mean, dim=-1, eps=1e-8)


def cosine(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the cosine in [-1, 1] of unit vectors (..., D), as ``centered`` returns them."""
    return (first * second).sum(-1)


def unit_length(vectors: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Scale vectors (..., D) to length 1, in float64; a zero vector stays zero."""
    wide = vectors.astype(np.float64, copy=False)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=-1, keepdims=True), 1e-12))
